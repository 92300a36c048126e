// docs/guides/settle-later.md: a batch is submitted by one process and settled by another one, when its webhook comes.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeniedError, type Settlement, settlementQueue } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { sqliteStore } from "@imprest/embedded/node";
import type { Answer } from "./model.ts";

const folder = await mkdtemp(join(tmpdir(), "imprest-later-"));
const file = join(folder, "ledger.sqlite");
const scope = { tenant: "acme" };
const first = createEmbeddedAuthority({ store: sqliteStore({ file }) });
await first.budgets.create({ scope, allocated: usd("1.00") });
let authority = first.authority(scope);

const prices = createPriceTable({ "demo-batch": { input: "2.50", output: "7.50" } });
const submitted: string[] = [];
const provider = { submit: async (batch: string) => void submitted.push(batch) };
interface BatchEvent {
  readonly batch: string;
  readonly status: "finished" | "refused";
  readonly usage?: Answer["usage"] | undefined;
}
const saved = new Map<string, string>(); // stands in for a table of your database
const database = {
  save: async (batch: string, reservation: string) => void saved.set(batch, reservation),
  load: async (batch: string) => saved.get(batch) ?? assert.fail("no such batch"),
};

// #region submit
import { adopt, openReservation, usd } from "@imprest/core";

async function submit(batch: string): Promise<void> {
  const reservation = await openReservation(authority, {
    estimate: usd("0.50"),
    action: { kind: "llm.batch", name: "demo-batch" },
    ttlMs: 6 * 3_600_000, // until another process adopts it, nobody extends the lease
  });
  await database.save(batch, reservation.export()); // before the provider is asked: from here on the text stands for it
  await provider.submit(batch);
}
// #endregion

await submit("batch-1");
await submit("batch-2");
await assert.rejects(submit("batch-3"), (error) => DeniedError.isInstance(error)); // the others hold the whole budget
assert.deepEqual(submitted, ["batch-1", "batch-2"]);
await first.close();

// Another process: it has the ledger and the database, and nothing of what the first one had in memory.
const second = createEmbeddedAuthority({ store: sqliteStore({ file }) });
authority = second.authority(scope);
assert.equal((await second.budgets.get({ scope, unit: "USD_MICROCENTS" })).reserved, usd("1.00").amount);

// #region settle
async function onFinished({ batch, status, usage }: BatchEvent): Promise<Settlement> {
  const reservation = await adopt(authority, await database.load(batch)); // its lease is extended from here on
  if (status === "refused") return reservation.release("the provider refused the batch");
  if (usage === undefined) return reservation.commit(reservation.reserved, { basis: "estimate" });
  return reservation.commit(prices.price("demo-batch", usage));
}
// #endregion

const usage = { prompt_tokens: 20_000, completion_tokens: 30_000 };
const finished = { batch: "batch-1", status: "finished", usage } as const;
const settled = await onFinished(finished);
assert.equal(settled.status, "committed");
assert.equal(settled.charged?.amount, prices.price("demo-batch", usage).amount);
assert.equal((await onFinished(finished)).status, "committed"); // the webhook came twice
assert.equal((await onFinished({ batch: "batch-2", status: "refused" })).status, "released");
const { spent, reserved } = await second.budgets.get({ scope, unit: "USD_MICROCENTS" });
assert.equal(spent, prices.price("demo-batch", usage).amount);
assert.equal(reserved, 0n);

// A different amount for a batch that is settled is no second charge: it waits for an operator.
assert.equal((await onFinished({ batch: "batch-1", status: "finished" })).status, "rejected");
const kinds: string[] = [];
for await (const { kind } of settlementQueue(authority).deadLetters.list()) kinds.push(kind);
assert.deepEqual(kinds, ["refused"]);
await second.close();
await rm(folder, { recursive: true });
