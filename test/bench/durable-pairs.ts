import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { RecordStore } from "@imprest/core";
import { fileRecordStore, logRecordStore } from "@imprest/core/node";
import { fleetJournal } from "@imprest/cycles/node";
import { guardedPair, rawPair } from "./guarded-pairs.ts";
import { compare, median, row, startServer } from "./measure.ts";

const inFlight = 64;
const count = 4_000;
const rounds = 5;

/** What one store came to. */
export interface DurableFigures {
  readonly perSecond: number;
  /** As a share of bare `undici.request` in the same run. */
  readonly ofRaw: number;
  readonly cpuMicros: number;
  /** How long the event loop was held up at worst in 99 of 100 turns, in milliseconds. */
  readonly loopDelayP99Ms: number;
}

/**
 * Reserve + commit pairs through `withReservation` at 64 in flight with each durable store, on the disk of the working
 * directory: every settlement is flushed to it before it is sent.
 */
export async function durablePairs(): Promise<Record<string, DurableFigures>> {
  const server = await startServer("./stub-server.ts");
  const baseUrl = `http://127.0.0.1:${server.port}`;
  const dir = await mkdtemp(join(process.cwd(), ".bench-"));
  const stores: Readonly<Record<string, RecordStore>> = {
    "fleet journal": fleetJournal({ dir: join(dir, "fleet"), baseUrl, subject: { tenant: "acme" } }),
    log: logRecordStore({ dir: join(dir, "log") }),
    "one file a record": fileRecordStore({ dir: join(dir, "file") }),
  };
  const figures: Record<string, DurableFigures> = {};
  try {
    console.log(`\ndurable pairs, ${inFlight} in flight (${count} a round, median of ${rounds} interleaved rounds)`);
    console.log(row("", "pairs/s", "slowest", "fastest", "CPU µs", "of raw", "loop p99 ms"));
    for (const [name, records] of Object.entries(stores)) {
      const delays: Record<string, number[]> = { raw: [], [name]: [] };
      const modes = { raw: rawPair(baseUrl), [name]: guardedPair(baseUrl, records) };
      const results = await compare(modes, { count, inFlight, rounds, around: watchLoop(delays) });
      const { raw, [name]: guarded } = results;
      if (raw === undefined || guarded === undefined) throw new Error(`${name} was not measured.`);
      const { perSecond, slowest, fastest, cpuMicros } = guarded;
      const ofRaw = perSecond / raw.perSecond;
      const rawDelay = median(delays["raw"] ?? []).toFixed(1);
      const loopDelayP99Ms = median(delays[name] ?? []);
      figures[name] = { perSecond, ofRaw, cpuMicros, loopDelayP99Ms };
      const shares = [cpuMicros.toFixed(1), ofRaw.toFixed(2), loopDelayP99Ms.toFixed(1)];
      console.log(row("raw", raw.perSecond, raw.slowest, raw.fastest, raw.cpuMicros.toFixed(1), "", rawDelay));
      console.log(row(name, perSecond, slowest, fastest, ...shares));
    }
  } finally {
    for (const store of Object.values(stores)) await store.close?.();
    await rm(dir, { recursive: true, force: true });
    server.stop();
  }
  return figures;
}

/** Measures the event loop during each round. What raw requests show is the machine's own share. */
function watchLoop(delays: Record<string, number[]>): (name: string, run: () => Promise<void>) => Promise<void> {
  return async (name, run) => {
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    await run();
    histogram.disable();
    delays[name]?.push(histogram.percentile(99) / 1e6);
  };
}
