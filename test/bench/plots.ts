import type { Group } from "./measure.ts";
import { plot } from "./plot.ts";

/** How speed changes with scale, by file name: groups that differ in one number of their titles, as one picture. */
export function plots(groups: readonly Group[]): Readonly<Record<string, string>> {
  const of = (heading: string, title: RegExp, names: readonly string[]): string =>
    plot(
      heading,
      names.map((name) => ({ name, points: pointsOf(groups, title, name) })),
    );
  return {
    "pairs-by-in-flight.svg": of(
      "reserve + commit pairs per second, by calls in flight",
      /^guarded pairs, (\d+) in flight$/,
      ["raw undici", "raw fetch", "guarded"],
    ),
    "ledger-by-budgets.svg": of("ledger pairs per second, by budgets", /^ledger, (\d+) budgets$/, [
      "reserve, commit",
      "reserve, release",
    ]),
    "feed-by-events.svg": of("audit events verified per second, by events in the feed", /^ASP feed, (\d+) events$/, [
      "raw WebCrypto",
      "imprest verify",
    ]),
    "auditor-by-events.svg": of(
      "audit events per second without signatures, by events in the feed",
      /^auditor without signatures, (\d+) events$/,
      ["raw JSON.parse", "auditor"],
    ),
  };
}

function pointsOf(groups: readonly Group[], title: RegExp, name: string): [x: number, y: number][] {
  return groups.flatMap((group) => {
    const scale = title.exec(group.title)?.[1];
    const row = group.rows.find((row) => row.name === name);
    return scale === undefined || row === undefined ? [] : [[Number(scale), row.value] as [number, number]];
  });
}
