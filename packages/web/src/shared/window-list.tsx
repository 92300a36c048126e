import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

interface WindowListProps<Item> {
  readonly label: string;
  readonly columns: readonly string[];
  readonly items: readonly Item[];
  /** The cells of a row: elements with the role `gridcell`. */
  readonly cells: (item: Item) => ComponentChildren;
  readonly rowClass: (item: Item) => string;
  readonly onOpen: (item: Item) => void;
  /** Someone reads, as the list is scrolled or gets the focus; or no longer, as it is scrolled back. */
  readonly onReading: (isReading: boolean) => void;
  /** In pixels, as the style sheet has it: one line, or two on a narrow page. */
  readonly rowHeight: number;
}

/** Rows outside of what is seen that are drawn nevertheless, so that scrolling shows no hole. */
const spare = 6;

/** A list of any length that draws the rows in sight alone. Arrow keys go through it, Enter opens a row. */
export function WindowList<Item>(props: WindowListProps<Item>): JSX.Element {
  const { label, columns, items, cells, rowClass, onOpen, onReading, rowHeight } = props;
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const seen = useSignal(20);
  const active = useSignal(0);
  /** Set where the keyboard moved: the row is focused once it is drawn. */
  const mustFocus = useRef(false);

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const resized = new ResizeObserver(() => (seen.value = Math.ceil(element.clientHeight / rowHeight)));
    resized.observe(element);
    return () => resized.disconnect();
  }, [rowHeight]);
  useLayoutEffect(() => {
    if (!mustFocus.current) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-row="${active.value}"]`);
    if (row == null) return;
    mustFocus.current = false;
    row.focus({ preventScroll: true });
  });

  const last = items.length - 1;
  const at = Math.max(0, Math.min(active.value, last));
  const from = Math.max(0, Math.min(Math.floor(top.value / rowHeight) - spare, last));
  const until = Math.min(items.length, from + seen.value + 2 * spare);

  const move = (to: number): void => {
    const target = Math.max(0, Math.min(to, last));
    active.value = target;
    mustFocus.current = true;
    const element = box.current;
    if (element === null) return;
    const [start, end] = [target * rowHeight, (target + 1) * rowHeight];
    if (start < element.scrollTop) element.scrollTop = start;
    else if (end > element.scrollTop + element.clientHeight) element.scrollTop = end - element.clientHeight;
    top.value = element.scrollTop;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, seen.value - 2);
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    const item = items[at];
    if (target !== undefined) move(target);
    else if ((event.key === "Enter" || event.key === " ") && item !== undefined) onOpen(item);
    else return;
    event.preventDefault();
  };
  const reading = (): void => {
    const element = box.current;
    onReading(element !== null && (element.scrollTop > 0 || element.contains(document.activeElement)));
  };

  return (
    <div class="grid" role="grid" aria-label={label} aria-rowcount={items.length + 1} aria-readonly>
      <div role="row" class="grid-row grid-head" aria-rowindex={1}>
        {columns.map((column) => (
          <span role="columnheader" key={column}>
            {column}
          </span>
        ))}
      </div>
      <div
        ref={box}
        class="grid-window"
        role="rowgroup"
        onKeyDown={onKeyDown}
        onFocusIn={reading}
        onScroll={(event) => {
          top.value = event.currentTarget.scrollTop;
          reading();
        }}
      >
        <div class="grid-space" role="presentation" style={{ height: `${items.length * rowHeight}px` }}>
          {items.slice(from, until).map((item, offset) => {
            const index = from + offset;
            return (
              <div
                // By place, not by item: as items come in above, rows keep their elements and change their text.
                key={index}
                role="row"
                class={`grid-row ${rowClass(item)}`}
                data-row={index}
                aria-rowindex={index + 2}
                tabIndex={index === at ? 0 : -1}
                style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
                onFocus={() => (active.value = index)}
                onClick={() => onOpen(item)}
              >
                {cells(item)}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
