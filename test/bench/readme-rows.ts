import { type Measured, type PageRow, figureIn } from "./figures.ts";

/** The rows of the README's comparison that this project's own benchmarks decide. */
export function readmeRows(measured: Measured): readonly PageRow[] {
  const rowOf = figureIn(measured);
  const durable = (name: string): string => rowOf("durable pairs, 64 in flight", name).ofRaw.toFixed(2);
  const events = measured.groups.find(({ title }) => title.startsWith("ARCP events"))?.title ?? "";
  const memory = withBudget(rowOf("guarded pairs, 64 in flight", "guarded").ofRaw, 0.75);
  const log = withBudget(rowOf("durable pairs, 64 in flight", "log").ofRaw, 0.5);
  return [
    [
      "Cycles: guarded pairs, 64 in flight, of raw `undici`",
      "0.12 in memory, 0.06 with its journal",
      `${memory} in memory, ${log} with a log, ${durable("fleet journal")} with the fleet's journal`,
    ],
    ["ARCP: events, of raw `ws` and `JSON.parse`", "0.42 to 0.60", rowOf(events, "events of a job").ofRaw.toFixed(2)],
    [
      "ARCP: submit to result, of raw echoes",
      "0.16 to 0.34",
      withBudget(rowOf("ARCP round trips, one after the other", "submit, result").ofRaw, 0.5),
    ],
  ];
}

/** With what we set ourselves in brackets where we miss it. */
function withBudget(ratio: number, budget: number): string {
  return ratio < budget ? `${ratio.toFixed(2)} [${budget}]` : ratio.toFixed(2);
}
