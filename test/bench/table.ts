import { figure } from "./figures.ts";
import type { Group, Row } from "./measure.ts";

const nameWidth = 46;
const cellWidth = 13;

/** What the columns of every group are. */
export function heading(): string {
  return line("", "median", "least", "most", "of raw", "CPU µs", "loop p99 ms");
}

/** One group, as lines of the table. */
export function groupLines({ title, unit, rounds, rows }: Group): string[] {
  return [`${title} [${unit}, ${rounds} ${rounds === 1 ? "round" : "rounds"}]`, ...rows.map(rowLine)];
}

function rowLine({ name, value, least, most, ofRaw, cpuMicros, loopP99Ms }: Row): string {
  const cells = [...[value, least, most].map(figure), ofRaw.toFixed(2), optional(cpuMicros), optional(loopP99Ms)];
  return line(`  ${name}`, ...cells);
}

function optional(value: number | undefined): string {
  return value === undefined ? "" : figure(value);
}

function line(name: string, ...cells: readonly string[]): string {
  return `${name.padEnd(nameWidth)}${cells.map((cell) => cell.padStart(cellWidth)).join("")}`.trimEnd();
}
