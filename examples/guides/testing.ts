// docs/guides/testing.md: an agent under test: no server, no waiting, every outcome on demand.
// #region clock
import assert from "node:assert/strict";
import { openReservation, usd } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { createEmbeddedAuthority } from "@imprest/embedded";

const clock = createManualClock();
const embedded = createEmbeddedAuthority({ clock });
await embedded.budgets.create({ scope: { tenant: "test" }, allocated: usd("1.00") });
const authority = embedded.authority({ tenant: "test", clock });
// #endregion

// #region lease
const reservation = await openReservation(authority, {
  estimate: usd("0.10"),
  action: { kind: "llm.completion" },
  ttlMs: 10_000,
});
await clock.advance(60_000); // a minute in no time: the lease was extended all along
reservation.spend(usd("0.07"));
const settlement = await reservation.commit();
assert.equal(settlement.status, "committed");
// #endregion

// #region denied
await embedded.budgets.freeze({ scope: { tenant: "test" }, unit: "USD_MICROCENTS" });
const refused = openReservation(authority, { estimate: usd("0.10"), action: { kind: "llm.completion" } });
await assert.rejects(refused, { reasonCode: "BUDGET_FROZEN" });
// #endregion

// #region books
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "test" }, unit: "USD_MICROCENTS" });
assert.deepEqual({ spent, reserved }, { spent: usd("0.07").amount, reserved: 0n });
await embedded.close();
assert.equal(clock.timers, 0); // nothing was left running
// #endregion
