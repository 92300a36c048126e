// packages/asp/README.md: a call under caps, and the audit of what was signed.
import assert from "node:assert/strict";
import { settlementQueue } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";

const issuer = "https://authority.example";
const embedded = createEmbeddedAuthority({
  asp: { issuer, signingKey: { kid: "k1", privateKey: new Uint8Array(32).fill(7) } },
});
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: amount("output_token", 100_000) });
const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
const server = await serve(embedded, { port: 0 }); // stands in for an authority of yours
const { url: baseUrl } = server;
const promised: PromisedEvent[] = [];

// #region call
import { amount } from "@imprest/core";
import {
  AspAuthority,
  AspClient,
  AspDeniedError,
  type PromisedEvent,
  builtInCaps,
  createCapRegistry,
  withReservation,
} from "@imprest/asp";

const client = new AspClient({ baseUrl, apiKey, onPromisedEvent: (event) => promised.push(event) });
const authority = new AspAuthority(client, { budget: { budgetId: "tenant:acme", windowInstanceId: "2026-11" } });
const caps = createCapRegistry(builtInCaps);

const { value, settlement } = await withReservation(
  authority,
  { estimate: amount("output_token", 1_000), action: { kind: "llm.completion", name: "large" } },
  async (reservation) => {
    const call = caps.apply(reservation.caps, { model: "large", maxTokens: 1_000 });
    const answer = { text: `42, by ${call.model}`, tokens: 87 }; // call the provider here, with what `call` says
    reservation.spend(amount("output_token", answer.tokens));
    return answer.text;
  },
  {
    honours: caps.honours,
    unspent: (error) => AspDeniedError.isInstance(error), // of caps.apply: the provider was not asked
    partial: "estimate", // any other failure may have been billed
  },
);
console.log(value, settlement.status, settlement.charged, settlement.refunded);
// #endregion

assert.equal(value, "42, by large");
assert.equal(settlement.charged?.amount, 87n);

const unable = withReservation(
  authority,
  { estimate: amount("output_token", 1_000), action: { kind: "llm.completion", name: "large" } },
  () => caps.apply([{ name: "unheard_of", value: 1 }], { model: "large" }),
  { honours: caps.honours, unspent: (error) => AspDeniedError.isInstance(error) },
);
await assert.rejects(unable, (error) => AspDeniedError.isInstance(error));
await settlementQueue(authority).flush({ timeoutMs: 1_000 });
const { reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "output_token" });
assert.equal(reserved, 0n);
const headers = { authorization: `Bearer ${apiKey}` };
const response = await fetch(`${baseUrl}/asp/events?cursor=0`, { headers });
const jwks = { [issuer]: (await (await fetch(`${baseUrl}/.well-known/asp-jwks.json`)).json()) as object };
if (response.body === null) throw new Error("The feed is empty.");
const stream = response.body;
const problems: unknown[] = [];

// #region audit
import { createAuditTrust, verifyAuditFeed } from "@imprest/asp/audit";

const trust = createAuditTrust({ origins: [issuer], jwks }); // or fetchKeys: true
const feed = verifyAuditFeed(stream, { trust, promised });
for (let next = await feed.next(); ; next = await feed.next()) {
  if (next.done) {
    console.log(next.value.findings, next.value.unproven);
    problems.push(...next.value.findings);
    break;
  }
  const { lineNumber, report, lifecycle } = next.value;
  if (report.disposition !== "authentic" || lifecycle.length > 0) problems.push(lineNumber, report.findings, lifecycle);
}
// #endregion

assert.deepEqual(problems, []);
assert.equal(promised.length, 4);
await server.close();
await embedded.close();
