// packages/embedded/README.md: a budget and a call, in one process.
import assert from "node:assert/strict";

// #region in-process
import { tokens, withReservation } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority({
  policy: [{ belowPercent: 20, caps: { max_tokens: 256 } }],
});
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(100_000) });
await embedded.budgets.create({ scope: { tenant: "acme", agent: "researcher" }, allocated: tokens(20_000) });

const authority = embedded.authority({ tenant: "acme", subject: { agent: "researcher" } });
const { settlement } = await withReservation(
  authority,
  { estimate: tokens(1_500), action: { kind: "llm.completion", name: "gpt-5" } },
  async (reservation) => reservation.spend(tokens(1_120)),
  { honours: ["max_tokens"] },
);
console.log(settlement.status, settlement.charged); // committed { unit: "TOKENS", amount: 1120n }
// #endregion

assert.equal(settlement.status, "committed");
assert.deepEqual(settlement.charged, tokens(1_120));
const agent = await embedded.budgets.get({ scope: { tenant: "acme", agent: "researcher" }, unit: "TOKENS" });
assert.equal(agent.remaining, 18_880n);
await embedded.close();
