// docs/serverless.md: a Worker whose isolates share the budget of a server.
import assert from "node:assert/strict";
import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { provider } from "./stand-in.ts";
// #region worker
import { CyclesClient } from "@imprest/cycles";
import OpenAI from "openai";
import { type Budget, connectBudget, denialResponse } from "imprest";
import prices from "./prices.json" with { type: "json" };

interface Env {
  readonly BUDGET_URL: string; // the address of `npx imprest serve`, or of a Cycles server
  readonly BUDGET_KEY: string;
  readonly OPENAI_API_KEY: string;
}

let budget: Budget | undefined; // one an isolate: it knows which calls are in flight

const worker = {
  async fetch(request: Request, env: Env, context: { waitUntil(promise: Promise<unknown>): void }) {
    budget ??= connectBudget(
      new CyclesClient({ baseUrl: env.BUDGET_URL, apiKey: env.BUDGET_KEY, subject: { tenant: "acme" } }),
      { prices },
    );
    const openai = new OpenAI({ apiKey: env.OPENAI_API_KEY, fetch: budget.fetch });
    try {
      const body = { model: "gpt-5.6", input: await request.text(), max_output_tokens: 300 };
      const { output_text } = await openai.responses.create(body, { signal: request.signal });
      return new Response(output_text);
    } catch (error) {
      const denied = denialResponse(error);
      if (denied) return denied;
      throw error;
    } finally {
      context.waitUntil(budget.flush()); // a settlement that is still on its way
    }
  },
};
// #endregion

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.02") });
const { key } = await embedded.apiKeys.create({ tenant: "acme" });
const server = await serve(embedded, { port: 0 });
const env = { BUDGET_URL: server.url, BUDGET_KEY: key, OPENAI_API_KEY: "none" };
const later: Promise<unknown>[] = [];
const ask = (): Promise<Response> => {
  provider.next({ outputTokens: 250 });
  const request = new Request("https://worker.example", { method: "POST", body: "Tell me more." });
  return worker.fetch(request, env, { waitUntil: (promise) => void later.push(promise) });
};
let response = await ask();
for (let count = 1; response.ok && count < 100; count += 1) response = await ask();
assert.equal(response.status, 402);
assert.ok(later.length > 3);
await Promise.all(later);
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.deepEqual({ spent, reserved }, { spent: provider.bill.amount, reserved: 0n });
await server.close();
await embedded.close();
