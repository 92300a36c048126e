import type { Signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { Blank } from "../shared/shell.tsx";
import { counted } from "../shared/text.ts";
import { FilterField } from "./filter-field.tsx";
import { MoreButton } from "./more-button.tsx";

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

interface TableViewProps<Item> {
  /** The class of the table. */
  readonly name: string;
  /** For who does not see the table. */
  readonly caption: string;
  /** What one row is: `budget`. */
  readonly noun: string;
  readonly columns: readonly Column[];
  readonly filter: Signal<string>;
  /** What the filter leaves. */
  readonly items: readonly Item[];
  readonly shown: Signal<number>;
  readonly step: number;
  readonly row: (item: Item) => JSX.Element;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
  /** Below the table. */
  readonly children?: ComponentChildren;
}

/** A table under a filter that shows its first rows, and more on demand. */
export function TableView<Item>({
  name,
  caption,
  noun,
  columns,
  filter,
  items,
  shown,
  step,
  row,
  onKeyDown,
  children,
}: TableViewProps<Item>): JSX.Element {
  return (
    <div class="panel">
      <div class="bar">
        <FilterField value={filter} label={`Find a ${noun}`} />
        <span class="tally">{counted(items.length, noun)}</span>
      </div>
      <table class={`table ${name}`} onKeyDown={onKeyDown}>
        <caption class="hidden-text">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th scope="col" key={title} class={isNumber ? "number" : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{items.slice(0, shown.value).map(row)}</tbody>
      </table>
      {items.length === 0 && <Blank title={`No ${noun} matches the filter`} />}
      <MoreButton shown={shown} of={items.length} step={step} />
      {children}
    </div>
  );
}
