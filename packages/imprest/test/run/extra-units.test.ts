import { expect, it } from "vitest";
import { readRunOptions } from "../../src/cli/gateway/options.ts";
import { openRunBudget } from "../../src/cli/gateway/run-budget.ts";

const prices = { m: { input: "1", output: "1", maxOutputTokens: 9, per: { webSearch: "0.10" } } };

it.each([
  [[], 400, 0, "$0"],
  [["--extra-units", "webSearch=3,fileSearch=1"], 500, 1, "$0.3"],
])("a search without a limit of its own passes as often as %o allows", async (flags, status, reached, least) => {
  const asked = ["--budget", "$1.00", "--extra-input-tokens", "10", ...flags, "--", "agent"];
  let sent = 0;
  const upstream = async (): Promise<Response> => {
    sent += 1;
    return new Response("lost", { status: 500 });
  };
  const opened = await openRunBudget(readRunOptions(asked), { prices, fetch: upstream }, {});
  const body = JSON.stringify({ model: "m", input: "Hi", tools: [{ type: "web_search" }] });
  const response = await opened.fetch("https://api.openai.com/v1/responses", { method: "POST", body });
  const { spent } = await opened.budget.balance();
  await opened.close();
  expect([response.status, sent]).toEqual([status, reached]);
  expect(spent.amount / 1_000_000n).toBe(BigInt(Math.round(Number(least.slice(1)) * 100)));
});

it.each(["webSearch", "webSearch=-1", "webSearch=1;x=2", ""])("--extra-units %s is refused", (units) => {
  const asked = ["--budget", "$1.00", "--extra-units", units, "--", "agent"];
  expect(() => readRunOptions(asked)).toThrow("--extra-units");
});
