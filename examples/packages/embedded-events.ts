// packages/embedded/README.md: which actions, how often; and webhooks that report it.
import assert from "node:assert/strict";
import { DeniedError, usd, withReservation } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";

const emitted: string[] = [];
const ADMIN_KEY = "at-least-16-characters";
const WEBHOOK_SECRET = "whsec_0123456789abcdef";

// #region policies
const embedded = createEmbeddedAuthority({
  actionPolicies: [
    {
      id: "support",
      scopePattern: "tenant:acme/*",
      deniedActionKinds: ["payment.charge"],
      actionQuotas: [{ actionKind: "message.email.send", maxCalls: 3, window: "per_run" }],
      riskClassQuotas: [{ riskClass: "external_side_effect", maxCalls: 50, window: "per_hour_tumbling" }],
    },
  ],
  observedTenants: ["globex"], // evaluated and reported over the wire, never enforced
  onEvent: (event) => emitted.push(event.event_type),
});
// #endregion

await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const authority = embedded.authority({
  tenant: "acme",
  subject: { agent: "support", dimensions: { run_id: "run-1" } },
});
const mail = { estimate: usd("0.01"), action: { kind: "message.email.send" } };
const options = { settle: "estimate" } as const;
for (let sent = 0; sent < 3; sent += 1) await withReservation(authority, mail, () => "sent", options);
await assert.rejects(
  withReservation(authority, mail, () => "sent", options),
  (error) => DeniedError.isInstance(error),
);
const charge = { ...mail, action: { kind: "payment.charge" } };
await assert.rejects(
  withReservation(authority, charge, () => "charged", options),
  (error) => DeniedError.isInstance(error),
);
assert.ok(emitted.includes("reservation.denied"), emitted.join());
await embedded.close();

// #region webhooks
const governed = createEmbeddedAuthority({ governance: { adminKeys: [ADMIN_KEY] } });
await governed.webhooks.add({
  id: "ops",
  url: "https://ops.example.com/hook",
  secret: WEBHOOK_SECRET, // verifyWebhook of @imprest/cycles checks it
  eventTypes: ["budget.exhausted", "reservation.denied"],
  eventCategories: ["webhook"],
});
// #endregion

const [webhook] = await governed.webhooks.list();
assert.equal(webhook?.id, "ops");
assert.ok(!JSON.stringify(webhook).includes(WEBHOOK_SECRET));
await governed.close();
