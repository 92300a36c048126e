import type { Group, Row } from "./measure.ts";

/** What one whole run measured, as it is kept in docs/benchmarks.json. */
export interface Measured {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly processors: number;
  readonly groups: readonly Group[];
}

/** The row of a name in the group of a title. @throws Error when there is none. */
export function figureIn({ groups }: Measured): (title: string, name: string) => Row {
  return (title, name) => {
    const row = groups.find((group) => group.title === title)?.rows.find((row) => row.name === name);
    if (row === undefined) throw new Error(`"${title}" has no row "${name}": was the run a whole one?`);
    return row;
  };
}

/** To be read: whole numbers in groups of three, small ones with one decimal. */
export function figure(value: number): string {
  const fraction = value < 100 ? 1 : 0;
  return value.toLocaleString("en", { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
}

/** A row of a Markdown table; its first cell says which one it is. */
export type PageRow = readonly [key: string, ...cells: string[]];

/** The page with these rows in place of those with the same first cells. @throws Error when the page lacks one. */
export function refill(page: string, rows: readonly PageRow[]): string {
  const lines = page.split("\n");
  for (const row of rows) {
    const at = lines.findIndex((line) => line.startsWith("|") && line.split("|")[1]?.trim() === row[0]);
    if (at === -1) throw new Error(`The page has no row "${row[0]}".`);
    lines[at] = `| ${row.join(" | ")} |`;
  }
  return lines.join("\n");
}
