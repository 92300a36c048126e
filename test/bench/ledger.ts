import { tokens } from "@imprest/core";
import { Ledger } from "../../packages/embedded/src/ledger/ledger.ts";

/** What `benchLedger` measured. */
export interface LedgerFigures {
  readonly pairs: number;
  readonly pairsPerSecond: number;
  /** Heap in use after the ledger's retention is full, and at the end; MiB. */
  readonly heapFullMib: number;
  readonly heapEndMib: number;
}

/**
 * Reserve+commit pairs against the in-memory ledger, three scopes deep. The heap is compared from when as many
 * reservations are finished as the ledger remembers (100,000), so that what is left over is a leak.
 */
export function benchLedger(pairs = 1_000_000): LedgerFigures {
  const ledger = new Ledger();
  const subject = { tenant: "acme", workspace: "prod", agent: "bot" };
  for (const scope of [{ tenant: "acme" }, { tenant: "acme", workspace: "prod" }, subject]) {
    ledger.createBudget({ scope, allocated: tokens(10n ** 15n) });
  }
  const action = { kind: "llm.completion", name: "gpt-5" };
  let heapFull = 0;
  let elapsedMs = 0;
  const full = Math.min(pairs / 2, 200_000);
  const run = (from: number, to: number): void => {
    const started = performance.now();
    for (let at = from; at < to; at += 1) {
      const idempotencyKey = `key-${at}`;
      const outcome = ledger.reserve({ tenant: "acme", idempotencyKey, subject, action, estimate: tokens(1_000) });
      if (outcome.reservation === undefined) throw new Error("The benchmark's reserve was denied.");
      const reservationId = outcome.reservation.id;
      ledger.commit({ tenant: "acme", reservationId, idempotencyKey, actual: tokens(900) });
    }
    elapsedMs += performance.now() - started;
  };
  run(0, full);
  heapFull = heapMib();
  run(full, pairs);
  const heapEnd = heapMib();
  const { spent } = ledger.getBudget({ scope: subject, unit: "TOKENS" });
  if (spent !== BigInt(pairs) * 900n) throw new Error(`The ledger lost count: ${spent} spent in ${pairs} pairs.`);
  return {
    pairs,
    pairsPerSecond: Math.round(pairs / (elapsedMs / 1_000)),
    heapFullMib: heapFull,
    heapEndMib: heapEnd,
  };
}

function heapMib(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().heapUsed / 1_048_576);
}

if (import.meta.main) {
  const { pairs, pairsPerSecond, heapFullMib, heapEndMib } = benchLedger();
  console.log(`ledger, in memory: ${pairs} reserve+commit pairs, ${pairsPerSecond} pairs/s`);
  console.log(`heap: ${heapFullMib} MiB once its retention is full, ${heapEndMib} MiB at the end`);
}
