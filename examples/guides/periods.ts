// docs/embedded-periods.md

// #region budgets
import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({
  scope: { tenant: "acme" },
  allocated: usd("300.00"),
  period: { every: "month", timeZone: "Europe/Berlin", rollover: "CARRY_FORWARD" },
});
await embedded.budgets.create({
  scope: { tenant: "acme", agent: "researcher" },
  allocated: usd("5.00"),
  period: { rollingMs: 24 * 3_600_000 }, // in any 24 hours
  overagePolicy: "REJECT", // where a request does not say
});
// #endregion budgets

const { period } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
console.log("this month ends at", new Date(period?.endsAtMs ?? 0).toISOString());
