import { useSignal } from "@preact/signals";
import type { Activity } from "imprest/internal";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Foreign } from "../shared/foreign.tsx";
import { moneyText, withDollars } from "../shared/money.ts";
import { Blank } from "../shared/shell.tsx";
import { timeText } from "../shared/time.ts";
import type { StoreProps } from "./store-props.ts";
import { mentions } from "./live-filter.ts";
import { reasonSentence } from "./reasons.ts";
import { route } from "./route.ts";
import { type Column, TableView } from "./table-view.tsx";

const step = 100;
const columns: readonly Column[] = [
  { title: "Time" },
  { title: "Who" },
  { title: "Asked for" },
  { title: "Asked", isNumber: true },
  { title: "Left", isNumber: true },
  { title: "Denied by" },
  { title: "Why" },
];

/** What was denied: who asked for how much, what denied it, and what was left. */
export function DenialsView({ store }: StoreProps): JSX.Element {
  const filter = useSignal("");
  const shown = useSignal(step);
  const isReported = store.state.value?.denials ?? true;
  const found = store.denials.value.filter((denial) => mentions(denial, filter.value));
  if (store.denials.value.length === 0) {
    return (
      <div class="panel">
        {isReported ? (
          <Blank title="Nothing was denied">
            <p>A call that does not fit its budget is refused before it starts, and is listed here with the reason.</p>
          </Blank>
        ) : (
          <Blank title="This server does not report denials">
            <p>They are events of its governance plane, which this key may not read or the server does not have.</p>
          </Blank>
        )}
      </div>
    );
  }
  return (
    <TableView
      name="denials"
      caption="Denied calls, the newest first"
      noun="denial"
      columns={columns}
      filter={filter}
      items={found}
      shown={shown}
      step={step}
      row={(denial) => <DenialRow key={denial.number} denial={denial} nowMs={store.nowMs.peek()} />}
    />
  );
}

function DenialRow({ denial, nowMs }: { readonly denial: Activity; readonly nowMs: number }): JSX.Element {
  const { number, atMs, tenant, scope, agent, action, estimate, remaining, blockedBy, reason } = denial;
  const isLookedAt = route.value.view === "denials" && route.value.id === String(number);
  const row = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (isLookedAt) row.current?.focus();
  }, [isLookedAt]);
  return (
    <tr ref={row} tabIndex={-1} class={isLookedAt ? "chosen" : undefined}>
      <td data-label="Time">
        <span>{timeText(atMs, nowMs)}</span>
      </td>
      <td data-label="Who">
        <div>
          <Foreign text={agent ?? scope} />
          <div class="muted">
            <Foreign text={tenant} most={60} />
          </div>
        </div>
      </td>
      <td data-label="Asked for">
        {action !== undefined && (
          <div>
            <Foreign text={action.name} />
            <div class="muted">
              <Foreign text={action.kind} most={60} />
            </div>
          </div>
        )}
      </td>
      <td data-label="Asked" class="number">
        {estimate !== undefined && <span>{moneyText(estimate.amount, estimate.unit)}</span>}
      </td>
      <td data-label="Left" class="number">
        {remaining !== undefined && estimate !== undefined && <strong>{moneyText(remaining, estimate.unit)}</strong>}
      </td>
      <td data-label="Denied by">
        {blockedBy !== undefined && (
          <div>
            {blockedBy.scope !== undefined && <Foreign text={blockedBy.scope} />}
            {blockedBy.policy !== undefined && (
              <div>
                policy <Foreign text={blockedBy.policy} />
              </div>
            )}
          </div>
        )}
      </td>
      <td data-label="Why">
        <Why denial={denial} code={reason} />
      </td>
    </tr>
  );
}

function Why({ denial, code }: { readonly denial: Activity; readonly code: string | undefined }): JSX.Element {
  const { suggestedFix, traceId } = denial;
  const sentence = reasonSentence(code);
  return (
    <div>
      {code !== undefined && (
        <span class="chip bad">
          <Foreign text={code} most={60} />
        </span>
      )}{" "}
      {sentence !== undefined && `${sentence}.`}
      {suggestedFix !== undefined && (
        <div class="muted">
          <Foreign text={withDollars(suggestedFix)} most={300} />
        </div>
      )}
      {traceId !== undefined && (
        <div class="muted">
          trace <Foreign text={traceId} most={64} mono />
        </div>
      )}
    </div>
  );
}
