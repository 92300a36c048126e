// docs/guides/shared-budget.md: many agents draw on one budget, each within its own.
import assert from "node:assert/strict";
// #region budgets
import { DeniedError, usd, withReservation } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.50") }); // all together
for (const agent of ["writer", "critic"]) {
  await embedded.budgets.create({ scope: { tenant: "acme", agent }, allocated: usd("0.40") }); // each alone
}
// #endregion

// #region agents
async function work(agent: string): Promise<number> {
  const authority = embedded.authority({ tenant: "acme", subject: { agent } });
  const request = { estimate: usd("0.05"), action: { kind: "llm.completion" } };
  let calls = 0;
  try {
    for (; ; calls += 1) await withReservation(authority, request, () => "done", { settle: "estimate" });
  } catch (error) {
    if (!DeniedError.isInstance(error)) throw error;
    return calls;
  }
}
const calls = await Promise.all([work("writer"), work("critic")]);
console.log(calls, "calls, ten together: neither the common budget nor an agent's own is passed");
// #endregion

assert.equal(calls[0] + calls[1], 10);
assert.ok(calls.every((count) => count <= 8));
const { remaining } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.equal(remaining, 0n);
await embedded.close();
