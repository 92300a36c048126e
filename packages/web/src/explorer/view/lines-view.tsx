import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Signal, useSignal } from "@preact/signals";
import { messageOf } from "../../shared/message.ts";
import { Foreign } from "../../shared/foreign.tsx";
import { Blank } from "../../shared/shell.tsx";
import { grouped } from "../../shared/text.ts";
import type { Filter, Row, RowPage, Summary } from "../audit/messages.ts";
import type { ExplorerStore } from "../store.ts";
import { VerdictChip } from "./verdict-chip.tsx";

interface LinesProps {
  readonly store: ExplorerStore;
  readonly summary: Summary;
}

const rowHeight = 34;
/** Browsers draw nothing beyond some tens of millions of pixels; a longer list scrolls by more than a row a row. */
const mostPixels = 8_000_000;
const pageRows = 15;

/** Verdicts by line: as many rows as fit are there, whatever the length of the list. */
export function LinesView({ store, summary }: LinesProps): JSX.Element {
  const filter = store.filter.value;
  const rejected = summary.lines - summary.accepted;
  return (
    <section class="panel">
      <div class="bar" role="group" aria-label="Which lines">
        <FilterButton store={store} filter="all" title="All" count={summary.lines} />
        <FilterButton store={store} filter="rejected" title="Not accepted" count={rejected} />
        <FilterButton store={store} filter="warned" title="With a warning" count={summary.warned} />
      </div>
      <LineList key={filter} store={store} filter={filter} />
    </section>
  );
}

interface FilterButtonProps {
  readonly store: ExplorerStore;
  readonly filter: Filter;
  readonly title: string;
  readonly count: number;
}

function FilterButton({ store, filter, title, count }: FilterButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class="button"
      aria-pressed={store.filter.value === filter}
      onClick={() => (store.filter.value = filter)}
    >
      {title} <span class="chip">{grouped(String(count))}</span>
    </button>
  );
}

function LineList({ store, filter }: { readonly store: ExplorerStore; readonly filter: Filter }): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const from = useSignal(0);
  const active = useSignal(0);
  const height = useSignal(rowHeight * pageRows);
  const page = usePage(store, filter, from, height);
  // Until the rows of a new place are there, those of the old one stay, under their own numbers.
  const { total = 0, rows = [], first: firstShown = 0 } = page.value ?? {};
  const fit = Math.max(1, Math.floor(height.value / rowHeight));
  useEffect(() => {
    const element = list.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => (height.value = element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, [page.value === undefined]);
  if (page.value === undefined) return <p class="padded pulse">Reading the list.</p>;
  if (total === 0) {
    return (
      <Blank title={filter === "rejected" ? "Every line is accepted" : "No line has a warning"}>
        <p>Nothing is listed under this filter.</p>
      </Blank>
    );
  }
  const pixels = Math.min(mostPixels, total * rowHeight);
  const lastFrom = Math.max(0, total - fit);
  const show = (row: number): void => {
    const element = list.current;
    if (element === null) return;
    const first = row < from.value ? row : row >= from.value + fit ? row - fit + 1 : from.value;
    if (first !== from.value) element.scrollTop = (first / Math.max(1, lastFrom)) * (pixels - element.clientHeight);
    from.value = Math.min(first, lastFrom);
  };
  const go = (event: KeyboardEvent): void => {
    const at = active.value;
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + fit,
      PageUp: at - fit,
      Home: 0,
      End: total - 1,
    };
    if (event.key === "Enter") {
      const row = rows[at - firstShown];
      if (row !== undefined) void store.openLine(row.line);
      return;
    }
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    active.value = Math.min(total - 1, Math.max(0, target));
    show(active.value);
  };
  return (
    <div
      ref={list}
      class="lines"
      style={{ maxHeight: `${pixels + 1}px` }}
      role="listbox"
      tabIndex={0}
      aria-label="Verdicts by line"
      aria-activedescendant={`row-${active.value}`}
      onKeyDown={go}
      onScroll={(event) => {
        const { scrollTop, clientHeight } = event.currentTarget;
        from.value = Math.round((scrollTop / Math.max(1, pixels - clientHeight)) * lastFrom);
      }}
    >
      <div class="window">
        {rows.slice(0, fit).map((row, at) => (
          <LineRow
            key={row.line}
            row={row}
            id={`row-${firstShown + at}`}
            at={firstShown + at}
            total={total}
            isActive={firstShown + at === active.value}
            onOpen={() => {
              active.value = firstShown + at;
              void store.openLine(row.line);
            }}
          />
        ))}
      </div>
      <div aria-hidden="true" style={{ height: `${Math.max(0, pixels - rows.slice(0, fit).length * rowHeight)}px` }} />
    </div>
  );
}

interface ShownRows extends RowPage {
  /** Where the rows begin. */
  readonly first: number;
}

/** The rows around `from`; what was asked for before and comes later is left. */
function usePage(
  store: ExplorerStore,
  filter: Filter,
  from: Signal<number>,
  height: Signal<number>,
): Signal<ShownRows | undefined> {
  const page = useSignal<ShownRows | undefined>(undefined);
  const first = from.value;
  const count = Math.ceil(height.value / rowHeight) + 1;
  useEffect(() => {
    let isCurrent = true;
    store.desk.rows(filter, first, count).then(
      (found) => isCurrent && (page.value = { ...found, first }),
      (error: unknown) => isCurrent && (store.complaint.value = messageOf(error)),
    );
    return () => void (isCurrent = false);
  }, [store, filter, first, count]);
  return page;
}

interface LineRowProps {
  readonly row: Row;
  readonly id: string;
  readonly at: number;
  readonly total: number;
  readonly isActive: boolean;
  readonly onOpen: () => void;
}

function LineRow({ row, id, at, total, isActive, onOpen }: LineRowProps): JSX.Element {
  const { line, kind, atMs, group, code } = row;
  return (
    <div
      class="line"
      role="option"
      id={id}
      aria-selected={isActive}
      aria-posinset={at + 1}
      aria-setsize={total}
      onClick={onOpen}
    >
      <span class="number muted">{grouped(String(line))}</span>
      <VerdictChip row={row} />
      <Foreign text={kind === "" ? "–" : kind} most={40} />
      <span class="muted time">{atMs === undefined ? "" : new Date(atMs).toISOString().slice(0, 19)}</span>
      <span class="group">{group !== undefined && <Foreign text={group} most={64} mono />}</span>
      <span class="muted code">{code !== undefined && <Foreign text={code} most={60} mono />}</span>
    </div>
  );
}
