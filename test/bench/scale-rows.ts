import { type Measured, type PageRow, figure, figureIn } from "./figures.ts";

const agents = 100_000;
const eventsADay = 1_000_000_000;
const dayInSeconds = 86_400;

/** What docs/scale.md reckons with: what one process carries, and how many it takes for more. */
export function scaleRows(measured: Measured): readonly PageRow[] {
  const rowOf = figureIn(measured);
  const speed = (title: string, name: string): number => rowOf(title, name).value;
  const durable = (name: string): number => speed("durable pairs, 64 in flight", name);
  const served = (name: string) => rowOf("pairs served over HTTP, 64 in flight", name);
  const payments = (records: string) => rowOf(`AP2 payments, 16 in flight, records in ${records}`, "guarded");
  const rawPayments = rowOf("AP2 payments, 16 in flight, records in memory", "raw undici and store");
  const guarded = (inFlight: number) => rowOf(`guarded pairs, ${inFlight} in flight`, "guarded");
  const feed = rowOf("ASP feed, 1000000 events", "imprest verify");
  const auditor = speed("auditor without signatures, 1000000 events", "auditor");
  const memory = measured.groups.find(({ title }) => title.startsWith("heap during"));
  const heap = (name: string): string => {
    const { least, most } = rowOf(memory?.title ?? "heap", name);
    return `${figure(least)} to ${figure(most)} MiB`;
  };
  const sqlite = served("authority, SQLite");
  const hours = eventsADay / feed.value / 3_600;
  return [
    [
      "the ledger, in memory",
      `${figure(speed("ledger, 1000 budgets", "reserve, commit"))} pairs a second over 1,000 budgets, ` +
        `${figure(speed("ledger, 1000000 budgets", "reserve, commit"))} over 1,000,000`,
    ],
    [
      "guarded calls, the authority in the process",
      `${figure(speed("guarded calls, the authority in the process", "guarded"))} a second`,
    ],
    [
      "guarded calls over HTTP, nothing on a disk",
      `${figure(guarded(64).value)} pairs a second with 64 in flight, ${guarded(64).ofRaw.toFixed(2)} of raw undici; ` +
        `${figure(guarded(1_024).value)} with 1,024`,
    ],
    [
      "the same, every settlement on a disk first",
      `${figure(durable("log"))} pairs a second in a log, ${figure(durable("fleet journal"))} in the journal that all ` +
        `Cycles clients share, ${figure(durable("Redis"))} on Redis, ${figure(durable("PostgreSQL"))} on PostgreSQL`,
    ],
    [
      "one authority, served over HTTP",
      `${figure(served("authority, in memory").value)} pairs a second in memory, ${figure(sqlite.value)} in SQLite ` +
        `(${figure(sqlite.cpuMicros ?? 0)} µs of CPU each)`,
    ],
    [
      "AP2 payments, 16 in flight",
      `${figure(payments("memory").value)} a second with claims in memory, ${figure(payments("a log on the disk").value)} ` +
        `with claims in a log; the guard adds ${figure((payments("memory").cpuMicros ?? 0) - (rawPayments.cpuMicros ?? 0))} µs of CPU`,
    ],
    [
      "audit events, verified and audited",
      `${figure(feed.value)} a second on ${measured.processors} processors, ${figure(feed.cpuMicros ?? 0)} µs of CPU each`,
    ],
    ["the auditor alone, which sees one feed in its order", `${figure(auditor)} events a second`],
    [
      "the event loop, 99 turns of 100",
      `within ${figure(guarded(64).loopP99Ms ?? 0)} ms with 64 calls in flight, ${figure(guarded(1_024).loopP99Ms ?? 0)} ms with 1,024`,
    ],
    [
      "heap during 1,000,000 operations",
      `guarded pairs ${heap("guarded pairs")}; a feed under \`imprest verify\` ${heap("imprest verify, events of one feed")}; ` +
        `ARCP events ${heap("ARCP events of a session")}; the ledger, with what it remembers, ${heap("ledger, reserve and commit")}`,
    ],
    processes("processes of agents with a log each", durable("log")),
    processes("processes of agents with records on Redis", durable("Redis")),
    processes("processes of agents with records on PostgreSQL", durable("PostgreSQL")),
    processes("authorities on SQLite, tenants spread over them", sqlite.value),
    [
      "CPU to verify the day's events",
      `${eventsADay.toLocaleString("en")} × ${figure(feed.cpuMicros ?? 0)} µs ÷ 3,600 s`,
      `${figure((eventsADay * (feed.cpuMicros ?? 0)) / 3.6e9)} hours of a processor`,
    ],
    [
      "hours of such a machine",
      `${eventsADay.toLocaleString("en")} ÷ ${figure(feed.value)} a second ÷ 3,600 s`,
      `${figure(hours)} hours`,
    ],
    [
      "machines that have verified the day within an hour",
      `${figure(hours)} hours ÷ 1 hour, feeds spread by issuer or tenant`,
      String(Math.ceil(hours)),
    ],
    [
      "the longest feed that one auditor follows",
      `${figure(auditor)} a second × ${dayInSeconds.toLocaleString("en")} s`,
      `${figure((auditor * dayInSeconds) / 1e6)} million events a day`,
    ],
  ];
}

function processes(what: string, pairsPerSecond: number): PageRow {
  const arithmetic = `${agents.toLocaleString("en")} pairs a second ÷ ${figure(pairsPerSecond)}`;
  return [what, arithmetic, String(Math.ceil(agents / pairsPerSecond))];
}
