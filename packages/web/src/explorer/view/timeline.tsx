import type { JSX } from "preact";
import { Foreign } from "../../shared/foreign.tsx";
import { moneyText } from "../../shared/money.ts";
import { durationText } from "../../shared/time.ts";
import type { LineDetail } from "../audit/messages.ts";
import { factsOf, unitOf } from "../event-facts.ts";
import type { ExplorerStore } from "../store.ts";
import { FindingItem } from "./finding-item.tsx";
import { VerdictChip } from "./verdict-chip.tsx";

interface TimelineProps {
  readonly store: ExplorerStore;
  readonly lines: readonly LineDetail[];
}

/** What happened to one decision, in the order of the file, with what each event says. */
export function Timeline({ store, lines }: TimelineProps): JSX.Element {
  const unit = lines
    .map(({ row, text }) => (row.accepted ? unitOf(text) : undefined))
    .find((found) => found !== undefined);
  return (
    <ol class="timeline">
      {lines.map((detail, at) => (
        <Happening key={detail.row.line} store={store} detail={detail} before={lines[at - 1]} unit={unit} />
      ))}
    </ol>
  );
}

interface HappeningProps {
  readonly store: ExplorerStore;
  readonly detail: LineDetail;
  readonly before: LineDetail | undefined;
  readonly unit: string | undefined;
}

function Happening({ store, detail, before, unit }: HappeningProps): JSX.Element {
  const { row, text, findings } = detail;
  const sinceMs = (row.atMs ?? Number.NaN) - (before?.row.atMs ?? Number.NaN);
  return (
    <li>
      <h3>
        <Foreign text={row.kind === "" ? "statement" : row.kind} most={40} /> <VerdictChip row={row} />
      </h3>
      <p class="muted">
        {row.atMs !== undefined && new Date(row.atMs).toISOString()}
        {sinceMs > 0 && `, ${sinceMs < 1_000 ? `${sinceMs} ms` : durationText(sinceMs)} later`}{" "}
        <button type="button" class="link" onClick={() => void store.openLine(row.line)}>
          line {row.line}
        </button>
      </p>
      <dl class="facts">
        {factsOf(text).map(({ name, value, isAmount }) => (
          <div key={name}>
            <dt>
              <Foreign text={name} most={60} />
            </dt>
            <dd>{isAmount && unit !== undefined ? moneyText(value, unit) : <Foreign text={value} most={160} />}</dd>
          </div>
        ))}
      </dl>
      {findings.length > 0 && (
        <ul class="findings">
          {findings.map((finding, at) => (
            <FindingItem key={at} finding={finding} />
          ))}
        </ul>
      )}
    </li>
  );
}
