// docs/hosts/hono.md: a server of Hono before a model, under a budget.
import assert from "node:assert/strict";
import { assertBilled, provider } from "./stand-in.ts";
// #region server
import { Hono } from "hono";
import { streamText } from "hono/streaming";
import OpenAI from "openai";
import { createBudget, denialResponse } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$0.05", prices });
const openai = new OpenAI({ fetch: budget.fetch });
const app = new Hono();

app.post("/ask", async (c) => {
  const request = { model: "gpt-5.6", input: await c.req.text(), max_output_tokens: 300 };
  const answer = await openai.responses.create({ ...request, stream: true }, { signal: c.req.raw.signal });
  return streamText(c, async (stream) => {
    for await (const event of answer) if (event.type === "response.output_text.delta") await stream.write(event.delta);
  });
});

app.onError((error) => {
  const denied = denialResponse(error); // 402 with the reason; undefined for every other error
  return denied ?? Response.json({ error: "The answer failed." }, { status: 500 });
});
// #endregion

const ask = (signal: AbortSignal | null = null) =>
  app.request("/ask", { method: "POST", body: "Tell me more.", signal });
const answered = await ask();
assert.equal(answered.status, 200);
assert.notEqual(await answered.text(), "");
await assertBilled(budget);

// A client that leaves.
provider.next({ outputTokens: 200, eventDelayMs: 5 });
const leaving = new AbortController();
const left = await ask(leaving.signal);
await left.body?.getReader().read();
leaving.abort();
for (let tries = 0; tries < 400 && (await budget.balance()).reserved.amount > 0n; tries += 1) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const { spent, reserved } = await budget.balance();
assert.equal(reserved.amount, 0n);
assert.ok(spent.amount >= provider.bill.amount);

let status = 200;
for (let count = 0; status === 200 && count < 100; count += 1) {
  provider.next({ outputTokens: 250 });
  const response = await ask();
  ({ status } = response);
  await response.text();
}
assert.equal(status, 402);
