// docs/guides/move-to-a-server.md: the same agent against an authority in the process, a Cycles server and an ASP authority.
import assert from "node:assert/strict";
import { AspAuthority } from "@imprest/asp";
import { type SpendAuthority, usd, withReservation } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";

const asp = { issuer: "https://authority.example", signingKey: { kid: "k1", privateKey: new Uint8Array(32).fill(7) } };
const embedded = createEmbeddedAuthority({ asp });
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
// The server stands in for yours: `imprest serve`, a Cycles server on Redis, or an ASP authority.
const server = await serve(embedded, { port: 0 });
const baseUrl = server.url;

// #region agent
async function agent(authority: SpendAuthority): Promise<bigint | undefined> {
  const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
  const { settlement } = await withReservation(authority, request, () => "an answer", { spend: () => usd("0.01") });
  return settlement.charged?.amount;
}
// #endregion

// #region authorities
const authorities: SpendAuthority[] = [
  embedded.authority({ tenant: "acme" }), // one process
  new CyclesAuthority({ baseUrl, apiKey, subject: { tenant: "acme" } }), // many, over the Cycles wire
  new AspAuthority({ baseUrl, apiKey }, { budget: { budgetId: "tenant:acme", windowInstanceId: "2026-11" } }), // or ASP
];
for (const authority of authorities) console.log(authority.protocol, await agent(authority));
// #endregion

const { spent } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.equal(spent, 3n * usd("0.01").amount);
await server.close();
await embedded.close();
