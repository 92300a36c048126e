// packages/embedded/README.md: served over HTTP, kept in a file, signing what it decides.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usd, withReservation } from "@imprest/core";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";

const folder = await mkdtemp(join(tmpdir(), "imprest-readme-"));
const file = join(folder, "ledger.sqlite");
const port = 0;

// #region served
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve, sqliteStore } from "@imprest/embedded/node";

const embedded = createEmbeddedAuthority({ store: sqliteStore({ file }) });
const { key } = await embedded.apiKeys.create({ tenant: "acme" }); // returned once; only its SHA-256 is kept
const server = await serve(embedded, { port }); // 127.0.0.1
// #endregion

await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const client = new CyclesClient({ baseUrl: server.url, apiKey: key, subject: { tenant: "acme" } });
const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
const pay = { spend: () => usd("0.01") };

// #region horizon
const authority = new CyclesAuthority(client, { dedupeHorizonMs: { event: 6 * 3_600_000 } });
// #endregion

assert.equal((await withReservation(authority, request, () => "done", pay)).settlement.status, "committed");
assert.equal(authority.dedupeHorizonMs["event"], 21_600_000);
await server.close();
await embedded.close();

// #region evidence
const signing = createEmbeddedAuthority({
  store: sqliteStore({ file }),
  evidence: { serverId: "https://budget.example.com/v1" }, // where clients reach it
});
await signing.evidence.rotateKey(); // whenever you like: what the old key signed stays verifiable
// #endregion

const { settlement } = await withReservation(signing.authority({ tenant: "acme" }), request, () => "done", pay);
assert.match(settlement.evidence?.url ?? "", /^https:\/\/budget\.example\.com\/v1\/evidence\//);
assert.equal((await signing.evidence.listKeys()).length, 2);
const { spent } = await signing.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.equal(spent, usd("0.02").amount); // the file remembers the first
await signing.close();
await rm(folder, { recursive: true });
