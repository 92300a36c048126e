import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { tokens, withReservation } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { Ledger } from "../../packages/embedded/src/ledger/ledger.ts";

/** What one run measured. */
export interface LedgerFigures {
  readonly calls: number;
  readonly callsPerSecond: number;
  /** CPU time of the whole process, microseconds a call: what a busy machine does not distort. */
  readonly cpuMicros: number;
  /** Heap in use once as much is finished as the ledger remembers, and at the end; MiB. */
  readonly heapFullMib: number;
  readonly heapEndMib: number;
}

const subject = { tenant: "acme", workspace: "prod", agent: "bot" };
const scopes = [{ tenant: "acme" }, { tenant: "acme", workspace: "prod" }, subject];
const action = { kind: "llm.completion", name: "gpt-5" };
const plenty = tokens(10n ** 15n);

/** Reserve+commit pairs straight against the in-memory ledger, three budgets deep. */
export async function benchLedger(pairs = 1_000_000): Promise<LedgerFigures> {
  const ledger = new Ledger();
  for (const scope of scopes) ledger.createBudget({ scope, allocated: plenty });
  const figures = await measure(pairs, async (from, to) => {
    for (let at = from; at < to; at += 1) {
      const idempotencyKey = `key-${at}`;
      const outcome = ledger.reserve({ tenant: "acme", idempotencyKey, subject, action, estimate: tokens(1_000) });
      if (outcome.reservation === undefined) throw new Error("The benchmark's reserve was denied.");
      const reservationId = outcome.reservation.id;
      ledger.commit({ tenant: "acme", reservationId, idempotencyKey, actual: tokens(900) });
    }
  });
  assertCounted(ledger.getBudget({ scope: subject, unit: "TOKENS" }).spent, pairs);
  return figures;
}

/** Whole guarded calls: the kernel, its records and the in-process authority. */
export async function benchGuardedCalls(calls = 1_000_000): Promise<LedgerFigures> {
  const embedded = createEmbeddedAuthority();
  for (const scope of scopes) await embedded.createBudget({ scope, allocated: plenty });
  const authority = embedded.authority({ tenant: "acme", subject });
  const request = { estimate: tokens(1_000), action };
  const figures = await measure(calls, async (from, to) => {
    for (let at = from; at < to; at += 1) {
      await withReservation(authority, request, (reservation) => reservation.spend(tokens(900)));
    }
  });
  assertCounted((await embedded.getBudget({ scope: subject, unit: "TOKENS" })).spent, calls);
  await embedded.close();
  return figures;
}

/** Compares the heap from when the ledger's retention (100,000) is full: what is more at the end is a leak. */
async function measure(calls: number, run: (from: number, to: number) => Promise<void>): Promise<LedgerFigures> {
  const full = Math.min(Math.ceil(calls / 2), 200_000);
  const cpu = process.cpuUsage();
  const started = performance.now();
  await run(0, full);
  const paused = performance.now();
  const heapFullMib = heapMib();
  const resumed = performance.now();
  await run(full, calls);
  const elapsedMs = performance.now() - resumed + (paused - started);
  const { user, system } = process.cpuUsage(cpu);
  return {
    calls,
    callsPerSecond: Math.round(calls / (elapsedMs / 1_000)),
    cpuMicros: (user + system) / calls,
    heapFullMib,
    heapEndMib: heapMib(),
  };
}

function assertCounted(spent: bigint, calls: number): void {
  if (spent !== BigInt(calls) * 900n) throw new Error(`The ledger lost count: ${spent} spent in ${calls} calls.`);
}

function heapMib(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return Math.round(process.memoryUsage().heapUsed / 1_048_576);
}

/** Prints both figures. */
export async function ledger(): Promise<void> {
  for (const [name, bench] of Object.entries({ "ledger pairs": benchLedger, "guarded calls": benchGuardedCalls })) {
    const { calls, callsPerSecond, cpuMicros, heapFullMib, heapEndMib } = await bench();
    const heap = `heap ${heapFullMib} MiB once its memory is full, ${heapEndMib} MiB at the end`;
    console.log(
      `embedded, in process: ${calls} ${name}, ${callsPerSecond}/s, ${cpuMicros.toFixed(1)} µs CPU each; ${heap}`,
    );
  }
}
