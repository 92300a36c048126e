import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Foreign } from "../../shared/foreign.tsx";
import { Icon } from "../../shared/icon.tsx";
import { counted, shortened, visible } from "../../shared/text.ts";
import type { Life, LineDetail } from "../audit/messages.ts";
import type { ExplorerStore } from "../store.ts";
import { dispositionMeanings } from "../words.ts";
import { FindingItem } from "./finding-item.tsx";
import { Timeline } from "./timeline.tsx";
import { VerdictChip } from "./verdict-chip.tsx";

/** A line is shown up to here; nobody reads a megabyte in a panel. */
const mostText = 12_000;

/** Beside the views: one line, or everything that belongs to one decision. */
export function OpenedPanel({ store }: { readonly store: ExplorerStore }): JSX.Element | null {
  const opened = store.opened.value;
  if (opened === undefined) return null;
  if (opened.kind === "line") return <LinePanel store={store} detail={opened.detail} />;
  if (opened.kind === "life") return <LifePanel store={store} life={opened.life} />;
  return (
    <Panel store={store} title="Not found" of={opened.wanted}>
      <p>
        The list has nothing of <Foreign text={opened.wanted} most={80} mono />.
      </p>
    </Panel>
  );
}

function LinePanel({ store, detail }: { readonly store: ExplorerStore; readonly detail: LineDetail }): JSX.Element {
  const { row, text, cut, findings } = detail;
  const shown = shortened(visible(text), mostText);
  const isCut = cut > 0 || shown.length === mostText;
  return (
    <Panel store={store} title={`Line ${row.line}`} of={row.line}>
      <p>
        <VerdictChip row={row} /> <span class="muted">{dispositionMeanings[row.disposition]}</span>
      </p>
      {row.group !== undefined && (
        <p>
          <button type="button" class="link" onClick={() => void store.find(row.group ?? "")}>
            Everything of <Foreign text={row.group} most={64} mono />
          </button>
        </p>
      )}
      {findings.length > 0 && (
        <ul class="findings">
          {findings.map((finding, at) => (
            <FindingItem key={at} finding={finding} />
          ))}
        </ul>
      )}
      <h3>As it stands in the file</h3>
      <pre tabIndex={0} aria-label={`Text of line ${row.line}`}>
        <bdi>{shown}</bdi>
      </pre>
      {isCut && <p class="muted">The line goes on; it is shown in part.</p>}
    </Panel>
  );
}

function LifePanel({ store, life }: { readonly store: ExplorerStore; readonly life: Life }): JSX.Element {
  return (
    <Panel store={store} title="One decision" of={life.group}>
      <p>
        <Foreign text={life.group} mono />
      </p>
      <Timeline store={store} lines={life.lines} />
      {life.leftOut > 0 && <p class="muted">{counted(life.leftOut, "more line")} of it.</p>}
    </Panel>
  );
}

interface PanelProps {
  readonly store: ExplorerStore;
  readonly title: string;
  /** What it is about: when that changes, the focus goes to the panel. */
  readonly of: string | number;
  readonly children: ComponentChildren;
}

function Panel({ store, title, of, children }: PanelProps): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [of, title]);
  return (
    <aside class="panel padded detail" aria-label={title}>
      <div class="title">
        <h2 ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" class="button plain" onClick={() => (store.opened.value = undefined)}>
          <Icon name="bad" /> Close
        </button>
      </div>
      {children}
    </aside>
  );
}
