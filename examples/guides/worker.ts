// docs/guides/browsers.md: a Worker that answers while its settlements are finished behind it.
import assert from "node:assert/strict";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { model } from "./model.ts";

// #region worker
import { settlementQueue, usd } from "@imprest/core";
import { createPriceTable } from "@imprest/llm";
import { CyclesAuthority, type EnvironmentVariables, fromEnv, withReservation } from "@imprest/cycles";

const prices = createPriceTable({ "demo-large": { input: "5.00", output: "15.00" } });
const request = { estimate: usd("0.02"), action: { kind: "llm.completion", name: "demo-large" } };

const worker = {
  async fetch(incoming: Request, env: EnvironmentVariables, context: { waitUntil(promise: Promise<unknown>): void }) {
    const authority = new CyclesAuthority(fromEnv({}, env)); // CYCLES_… as bindings
    const { value } = await withReservation(
      authority,
      request,
      async ({ signal }) => model.complete(await incoming.text(), { signal }),
      { spend: ({ usage }) => prices.price("demo-large", usage), partial: "estimate", signal: incoming.signal },
    );
    context.waitUntil(settlementQueue(authority).close({ timeoutMs: 10_000 })); // a commit that is still on its way
    return new Response(value.text);
  },
};
// export default worker
// #endregion

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const { key } = await embedded.apiKeys.create({ tenant: "acme" });
const server = await serve(embedded, { port: 0 });
const later: Promise<unknown>[] = [];
const env = { CYCLES_BASE_URL: server.url, CYCLES_API_KEY: key, CYCLES_TENANT: "acme" };
const incoming = new Request("https://worker.example", { method: "POST", body: "streams" });
const response = await worker.fetch(incoming, env, { waitUntil: (promise) => void later.push(promise) });
assert.equal(await response.text(), "About streams: it depends.");
assert.equal(later.length, 1);
await Promise.all(later);
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.equal(spent, prices.price("demo-large", { prompt_tokens: 7, completion_tokens: 400 })?.amount);
assert.equal(reserved, 0n);
await server.close();
await embedded.close();
