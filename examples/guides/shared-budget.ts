// docs/budgets.md: many agents draw on one budget, each within its own.
import assert from "node:assert/strict";
// #region agents
import { type Budget, createBudget, denialOf, usd, withReservation } from "imprest";

const budget = createBudget({ limit: "$0.50", prices: {} }); // all together
const writer = budget.for({ agent: "writer" }, { limit: "$0.40" }); // each alone
const critic = budget.for({ agent: "critic" }, { limit: "$0.40" });

async function work(part: Budget): Promise<number> {
  const request = { estimate: usd("0.05"), action: { kind: "tool.search" } };
  for (let calls = 0; ; calls += 1) {
    try {
      await withReservation(part, request, () => "found", { settle: "estimate" });
    } catch (error) {
      if (denialOf(error)) return calls;
      throw error;
    }
  }
}
const calls = await Promise.all([work(writer), work(critic)]);
console.log(calls, "calls, ten together: neither the whole nor a part of it is passed");
// #endregion

assert.equal(calls[0] + calls[1], 10);
assert.ok(calls.every((count) => count <= 8));
assert.equal((await budget.balance()).remaining.amount, 0n);
await budget.close();
