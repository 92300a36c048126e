// docs/cycles.md: what the governance plane reports of a budget that is used up.
import assert from "node:assert/strict";
import { usd, withReservation } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";

const adminApiKey = "the-administrators-key-0123456789";
const embedded = createEmbeddedAuthority({ governance: { adminKeys: [adminApiKey] } });
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.05") });
const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
const server = await serve(embedded, { port: 0 });
const { url: baseUrl } = server;
const request = { estimate: usd("0.05"), action: { kind: "llm.completion" } };
await withReservation(embedded.authority({ tenant: "acme" }), request, () => "done", { settle: "estimate" });
const remaining: (bigint | undefined)[] = [];

// #region events
import { CyclesGovernanceClient, eventOf } from "@imprest/cycles/governance";

const governance = new CyclesGovernanceClient({
  baseUrl,
  apiKey, // a tenant's own events, deliveries, ledgers
  adminApiKey, // all tenants
});
const who = await governance.introspect(); // undefined: the key has no governance surface there (401, 403)
for await (const event of governance.listTenantEvents({ category: "budget" })) {
  const exhausted = eventOf(event, "budget.exhausted");
  if (exhausted) remaining.push(exhausted.data.remaining); // typed, exact
}
// #endregion

assert.ok(who);
assert.deepEqual(remaining, [0n]);
await server.close();
await embedded.close();
