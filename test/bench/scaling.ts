import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { tokens } from "@imprest/core";
import { Ledger } from "../../packages/embedded/src/ledger/ledger.ts";
import { guardedPair, rawPair } from "./guarded-pairs.ts";
import { compare, row, startServer } from "./measure.ts";
import { type Series, plot } from "./plot.ts";

const images = resolve(import.meta.dirname, "../../docs/images");

/** How speed changes with the calls in flight, and with the budgets that a ledger holds. */
export async function scaling(): Promise<void> {
  mkdirSync(images, { recursive: true });
  await byInFlight();
  byBudgets();
}

async function byInFlight(): Promise<void> {
  const server = await startServer("./stub-server.ts");
  const baseUrl = `http://127.0.0.1:${server.port}`;
  const raw: Series = { name: "raw undici", points: [] };
  const guarded: Series = { name: "guarded", points: [] };
  console.log("\nguarded pairs by calls in flight (2000 to 8000 a round, median of 3 interleaved rounds)");
  console.log(row("in flight", "raw pairs/s", "guarded", "of raw"));
  try {
    for (let inFlight = 1; inFlight <= 1_024; inFlight *= 4) {
      const modes = { raw: rawPair(baseUrl), guarded: guardedPair(baseUrl) };
      const count = inFlight < 16 ? 2_000 : 8_000;
      const results = await compare(modes, { count, inFlight, rounds: 3 });
      const share = (results.guarded.perSecond / results.raw.perSecond).toFixed(2);
      console.log(row(String(inFlight), results.raw.perSecond, results.guarded.perSecond, share));
      raw.points.push([inFlight, results.raw.perSecond]);
      guarded.points.push([inFlight, results.guarded.perSecond]);
    }
  } finally {
    server.stop();
  }
  write("pairs-by-in-flight.svg", plot("reserve + commit pairs per second, by calls in flight", [raw, guarded]));
}

function byBudgets(): void {
  const pairs: Series = { name: "ledger, in memory", points: [] };
  console.log("\nledger pairs by budgets, one agent's each, under one tenant's (100000 pairs)");
  console.log(row("budgets", "pairs/s"));
  for (let budgets = 1_000; budgets <= 1_000_000; budgets *= 10) {
    const perSecond = pairsPerSecond(budgets, 100_000);
    console.log(row(String(budgets), perSecond));
    pairs.points.push([budgets, perSecond]);
  }
  write("ledger-by-budgets.svg", plot("reserve + commit pairs per second, by budgets in the ledger", [pairs]));
}

function pairsPerSecond(budgets: number, pairs: number): number {
  const ledger = new Ledger();
  const allocated = tokens(10n ** 12n);
  ledger.createBudget({ scope: { tenant: "acme" }, allocated });
  for (let at = 0; at < budgets; at += 1)
    ledger.createBudget({ scope: { tenant: "acme", agent: `bot-${at}` }, allocated });
  const action = { kind: "llm.completion", name: "model" };
  const started = performance.now();
  for (let at = 0; at < pairs; at += 1) {
    const idempotencyKey = `key-${at}`;
    const subject = { tenant: "acme", agent: `bot-${(at * 7_919) % budgets}` };
    const { reservation } = ledger.reserve({ tenant: "acme", idempotencyKey, subject, action, estimate: tokens(10) });
    if (reservation === undefined) throw new Error("The benchmark's reserve was denied.");
    ledger.commit({ tenant: "acme", reservationId: reservation.id, idempotencyKey, actual: tokens(9) });
  }
  return pairs / ((performance.now() - started) / 1_000);
}

function write(file: string, svg: string): void {
  writeFileSync(join(images, file), svg);
}
