import { type SpendAuthority, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createPriceTable, denialOf, guardFetch } from "@imprest/llm";
import { createBudget, formatAmount } from "imprest";
import { type Checks, expectEqual } from "../check.ts";

const chat = "https://api.openai.com/v1/chat/completions";
const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const prices = createPriceTable({ "gpt-4o": { input: "1000000", output: "1000000" } });
const request = { model: "gpt-4o", max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
const event = (body: object): string => `data: ${JSON.stringify(body)}\n\n`;
const text = event({ choices: [{ delta: { content: "Hello" }, finish_reason: "stop" }] });

/** `guardFetch`, and a budget over it, with this runtime's own Request, Response and streams. */
export const modelCalls: Checks = {
  async "guards a model call, whole and streamed, in any form of its body"() {
    const { authority, spent } = await books(1_000);
    const whole = guardFetch(authority, { prices, fetch: async () => Response.json({ choices: [], usage }) });
    const body = JSON.stringify(request);
    for (const one of [body, new TextEncoder().encode(body), new Blob([body])]) {
      expectEqual((await whole(chat, { method: "POST", body: one })).status, 200);
    }
    const asked = new Request(chat, { method: "POST", body, headers: { "imprest-agent": "a" } });
    expectEqual(JSON.stringify(await (await whole(asked)).json()), JSON.stringify({ choices: [], usage }));
    const streamed = guardFetch(authority, {
      prices,
      fetch: async () => sse(text, event({ choices: [], usage }), "data: [DONE]\n\n"),
    });
    const answer = await streamed(chat, { method: "POST", body: JSON.stringify({ ...request, stream: true }) });
    expectEqual(await answer.text(), `${text}data: [DONE]\n\n`);
    expectEqual(await spent(), "60 0");
  },

  async "settles a stream that is left, and answers a denial that no SDK repeats"() {
    const { authority, spent } = await books(400);
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    });
    const guarded = guardFetch(authority, { prices, fetch: async () => sseOf(endless) });
    const body = JSON.stringify({ ...request, stream: true });
    const reader = (await guarded(chat, { method: "POST", body })).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expectEqual((await spent()).endsWith(" 0"), true);
    const denied = await guarded(chat, { method: "POST", body });
    expectEqual(`${denied.status} ${denied.headers.get("x-should-retry")}`, "402 false");
    expectEqual(denialOf(await denied.json())?.reasonCode, "BUDGET_EXCEEDED");
  },

  async "gives each day a budget, and an agent a part of it"() {
    const budget = createBudget({
      limit: "$200.00",
      every: "day",
      timeZone: "Europe/Berlin",
      prices: { "gpt-4o": { input: "1000000", output: "1000000" } },
      estimate: () => usd(50),
      fetch: async () => Response.json({ choices: [], usage }),
    });
    const agent = budget.for({ agent: "writer" }, { limit: "$60.00" });
    const body = JSON.stringify(request);
    const ask = async ({ fetch }: typeof budget) => (await fetch(chat, { method: "POST", body })).status;
    // Twelve dollars each: fifty do not fit into what is left of the part's sixty.
    expectEqual(String([await ask(agent), await ask(agent), await ask(budget)]), "200,402,200");
    const { spent, remaining } = await budget.balance();
    expectEqual(`${formatAmount(spent)} ${formatAmount(remaining)}`, "$24 $176");
    expectEqual((await budget.flush()).pending, 0);
    await budget.close();
  },
};

function sse(...parts: readonly string[]): Response {
  return new Response(parts.join(""), { headers: { "content-type": "text/event-stream" } });
}

function sseOf(stream: ReadableStream<Uint8Array>): Response {
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

async function books(dollars: number): Promise<{ authority: SpendAuthority; spent: () => Promise<string> }> {
  const embedded = createEmbeddedAuthority();
  const scope = { tenant: "acme" };
  await embedded.budgets.create({ scope, allocated: usd(dollars) });
  return {
    authority: embedded.authority(scope),
    async spent() {
      const { spent, reserved } = await embedded.budgets.get({ scope, unit: "USD_MICROCENTS" });
      return `${spent / 100_000_000n} ${reserved}`;
    },
  };
}
