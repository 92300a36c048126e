// What the examples of servers are asked over a socket: an answer, a client that leaves, and a budget that is used up.
import assert from "node:assert/strict";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import type { Budget } from "imprest";
import { assertBilled, provider } from "./stand-in.ts";

/** The stand-in has taken the place of `fetch`, so the client is Node's own. */
function ask(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "text/plain" };
    request(url, { method: "POST", headers }, resolve).on("error", reject).end("Tell me more.");
  });
}

/** Asks a server at `url`, whose budget is `budget`. */
export async function assertServes(url: string, budget: Budget): Promise<void> {
  const answered = await ask(url);
  assert.equal(answered.statusCode, 200);
  assert.notEqual(await text(answered), "");
  await assertBilled(budget);

  provider.next({ outputTokens: 200, eventDelayMs: 5 });
  const left = await ask(url);
  left.once("data", () => left.destroy());
  await new Promise((resolve) => left.once("close", resolve));
  for (let tries = 0; tries < 400 && (await budget.balance()).reserved.amount > 0n; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { spent, reserved } = await budget.balance();
  assert.equal(reserved.amount, 0n);
  assert.ok(spent.amount >= provider.bill.amount);

  let refused = answered;
  for (let count = 0; refused.statusCode === 200 && count < 100; count += 1) {
    provider.next({ outputTokens: 250 });
    refused = await ask(url);
    const body = await text(refused);
    if (refused.statusCode !== 200) assert.match(body, /budget_denied/);
  }
  assert.equal(refused.statusCode, 402);
}
