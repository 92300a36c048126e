// packages/cycles/README.md: a call, an authority with terms of its own, a list.
import assert from "node:assert/strict";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const { key } = await embedded.apiKeys.create({ tenant: "acme" });
const server = await serve(embedded, { port: 0 });
Object.assign(process.env, { CYCLES_BASE_URL: server.url, CYCLES_API_KEY: key, CYCLES_TENANT: "acme" });

// #region call
import { usd } from "@imprest/core";
import { CyclesAuthority, CyclesClient, withReservation } from "@imprest/cycles";

// CYCLES_BASE_URL, CYCLES_API_KEY, CYCLES_TENANT
const client = CyclesClient.fromEnv();

const { value, settlement } = await withReservation(
  client,
  { estimate: usd("0.02"), action: { kind: "llm.completion", name: "gpt-5" } },
  async (reservation) => {
    const answer = { text: "42", cost: usd("0.0131") }; // call the model here
    reservation.spend(answer.cost, { inputTokens: 310, outputTokens: 12 });
    return answer.text;
  },
);
console.log(value, settlement.status, settlement.charged, settlement.refunded);
// #endregion

assert.equal(value, "42");
assert.deepEqual(settlement.charged, usd("0.0131"));

// #region terms
const authority = new CyclesAuthority(client, {
  ttlMs: 20_000,
  terms: { overage_policy: "REJECT", grace_period_ms: 10_000 },
});
// #endregion

const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
const over = await withReservation(authority, request, () => "done", { spend: () => usd("5.00") });
assert.equal(over.settlement.status, "rejected");
const remaining: bigint[] = [];

// #region list
for await (const balance of client.getBalances({ tenant: "acme", include_children: true })) {
  console.log(balance.scope, balance.remaining.amount);
  remaining.push(balance.remaining.amount);
}
// #endregion

assert.equal(remaining.length, 1);
await server.close();
await embedded.close();
