// docs/guides/model-calls.md: a fetch that guards every model call, whichever SDK makes it.
import assert from "node:assert/strict";
import { adopt, formatAmount, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createPrefixMap, createPriceTable, denialOf, denialResponse, guardFetch } from "@imprest/llm";
import { createModelProvider } from "@imprest/testing/models";

const modelPrices = { "gpt-4o": { input: "2.50", output: "10.00" } };
const provider = createModelProvider({ prices: modelPrices });
const prices = createPriceTable(modelPrices);
const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.02") });
const authority = embedded.authority({ tenant: "acme" });
const books = () => embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
const globalFetch = globalThis.fetch;
globalThis.fetch = provider.fetch;

/** As an SDK of a provider's does it. */
class OpenAI {
  readonly #fetch: typeof fetch;
  constructor({ fetch }: { readonly fetch: typeof globalThis.fetch }) {
    this.#fetch = fetch;
  }
  async ask(body: object, headers: Record<string, string> = {}): Promise<unknown> {
    const url = "https://api.openai.com/v1/chat/completions";
    const response = await this.#fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = (await response.json()) as { readonly error?: { readonly message: string } };
    if (!response.ok) throw Object.assign(new Error(answer.error?.message), { status: response.status, ...answer });
    return answer;
  }
}

// #region guard
const openai = new OpenAI({ fetch: guardFetch(authority, { prices, prefixes: createPrefixMap() }) });
// #endregion

const messages = [{ role: "user", content: "How should an agent handle money?" }];
const request = { model: "gpt-4o", max_tokens: 500, messages };
await openai.ask(request);
assert.equal((await books()).spent, provider.bill.amount);

// #region who
await openai.ask(request, { "imprest-agent": "researcher", "imprest-workflow": "nightly" });
// #endregion
assert.equal((await books()).spent, provider.bill.amount);

const server = async (): Promise<Response> => {
  // #region server
  try {
    return Response.json(await openai.ask({ ...request, max_tokens: 100_000 }));
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
  await openai.ask({ ...request, max_tokens: 100_000 });
} catch (error) {
  const denial = denialOf(error);
  if (denial === undefined) throw error;
  console.log(denial.reasonCode, denial.isHeld); // BUDGET_EXCEEDED false: it is spent, no call in flight holds it
}
// #endregion

const jobs = new Map<string, string>();
// #region later
const patient = guardFetch(authority, {
  prices,
  settleLater: (exported, _request, answer) => void jobs.set(String(answer?.["id"]), exported),
});
// #endregion
globalThis.fetch = async () => Response.json({ id: "resp_1", status: "queued" });
const background = JSON.stringify({ model: "gpt-4o", max_output_tokens: 500, input: "Think.", background: true });
await patient("https://api.openai.com/v1/responses", { method: "POST", body: background });

// #region adopted
const reservation = await adopt(authority, jobs.get("resp_1") ?? "");
await reservation.commit(prices.price("gpt-4o", { input_tokens: 120, output_tokens: 80 }));
// #endregion

const { spent, reserved } = await books();
assert.equal(reserved, 0n);
console.log(formatAmount({ unit: "USD_MICROCENTS", amount: spent }));
globalThis.fetch = globalFetch;
await embedded.close();
