// docs/guides/model-calls.md: a fetch that guards every model call over an authority of one's own.
import "./stand-in.ts";
import assert from "node:assert/strict";
import { adopt, formatAmount } from "@imprest/core";
import { denialOf, denialResponse } from "@imprest/llm";
import { createModelProvider } from "@imprest/testing/models";
// #region guard
import OpenAI from "openai";
import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createPrefixMap, createPriceTable, guardFetch } from "@imprest/llm";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.02") });
const authority = embedded.authority({ tenant: "acme" }); // or a Cycles server's, or an ASP authority's

const prices = createPriceTable({ "gpt-5.6": { input: "2.50", output: "10.00" } });
const openai = new OpenAI({ fetch: guardFetch(authority, { prices, prefixes: createPrefixMap() }) });
// #endregion

const provider = createModelProvider({ prices: { "gpt-5.6": { input: "2.50", output: "10.00" } } });
globalThis.fetch = provider.fetch;
const books = () => embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
const request = { model: "gpt-5.6", max_output_tokens: 500, input: "How should an agent handle money?" };
await openai.responses.create(request);
assert.equal((await books()).spent, provider.bill.amount);

// #region who
await openai.responses.create(request, { headers: { "imprest-agent": "researcher", "imprest-workflow": "nightly" } });
// #endregion
assert.equal((await books()).spent, provider.bill.amount);

const server = async (): Promise<Response> => {
  // #region server
  try {
    return Response.json(await openai.responses.create({ ...request, max_output_tokens: 100_000 }));
  } catch (error) {
    const denied = denialResponse(error); // 402; undefined where the error is no denial
    if (denied) return denied;
    throw error;
  }
  // #endregion
};
assert.equal((await server()).status, 402);

// #region denied
try {
  await openai.responses.create({ ...request, max_output_tokens: 100_000 });
} catch (error) {
  const denial = denialOf(error);
  if (denial === undefined) throw error;
  console.log(denial.reasonCode, denial.isHeld); // BUDGET_EXCEEDED false: it is spent, no call in flight holds it
}
// #endregion

// #region later
const jobs = new Map<string, string>(); // a table of yours
const patient = guardFetch(authority, {
  prices,
  settleLater: (exported, _request, answer) => void jobs.set(String(answer?.["id"]), exported),
});
// #endregion
globalThis.fetch = async () => Response.json({ id: "resp_1", status: "queued" });
const background = JSON.stringify({ model: "gpt-5.6", max_output_tokens: 500, input: "Think.", background: true });
await patient("https://api.openai.com/v1/responses", { method: "POST", body: background });

// #region adopted
const reservation = await adopt(authority, jobs.get("resp_1") ?? "");
await reservation.commit(prices.price("gpt-5.6", { input_tokens: 120, output_tokens: 80 }));
// #endregion

const { spent, reserved } = await books();
assert.equal(reserved, 0n);
console.log(formatAmount({ unit: "USD_MICROCENTS", amount: spent }));
await embedded.close();
