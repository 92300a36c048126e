import { usd, usdMicrocents } from "@imprest/core";
import { createPriceTable, mergeUsage } from "@imprest/llm";
import { type ModelProvider, createModelProvider } from "@imprest/testing/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dataOf, post } from "./sse.ts";

const prices = {
  model: {
    input: "1.25",
    cachedInput: "0.125",
    cacheWrite: "1.5625",
    cacheWrite1h: "2.50",
    output: "10.00",
    reasoning: "11.00",
    per: { request: "0.0001" },
    above: [
      {
        promptTokens: 3_000,
        input: "2.50",
        cachedInput: "0.25",
        cacheWrite: "3.125",
        cacheWrite1h: "5.00",
        output: "15.00",
        reasoning: "16.50",
      },
    ],
  },
};
const table = createPriceTable(prices);

/** Each wire: where a conversation is sent, and where its usage stands in the answer. */
const wires: Readonly<
  Record<
    string,
    {
      readonly url: (isStream: boolean) => string;
      readonly body: (turns: readonly string[], isStream: boolean) => object;
      readonly usage: (answer: Readonly<Record<string, unknown>>) => unknown;
      readonly streamed: (events: readonly Record<string, unknown>[]) => unknown;
    }
  >
> = {
  chat: {
    url: () => "https://api.openai.com/v1/chat/completions",
    body: (turns, stream) => ({
      model: "model",
      messages: turns.map((content) => ({ role: "user", content })),
      ...(stream && { stream, stream_options: { include_usage: true } }),
    }),
    usage: ({ usage }) => usage,
    streamed: (events) => events.at(-1)?.["usage"],
  },
  responses: {
    url: () => "https://api.openai.com/v1/responses",
    body: (turns, stream) => ({ model: "model", stream, input: turns.map((content) => ({ role: "user", content })) }),
    usage: ({ usage }) => usage,
    streamed: (events) => (events.at(-1)?.["response"] as { usage: unknown } | undefined)?.usage,
  },
  messages: {
    url: () => "https://api.anthropic.com/v1/messages",
    body: (turns, stream) => ({
      model: "model",
      stream,
      max_tokens: 100_000,
      messages: turns.map((text, at) => ({
        role: "user",
        content: [{ type: "text", text, cache_control: { type: "ephemeral", ttl: at === 0 ? "1h" : "5m" } }],
      })),
    }),
    usage: ({ usage }) => usage,
    streamed(events) {
      const start = events.find(({ type }) => type === "message_start")?.["message"] as { usage: object };
      const delta = events.find(({ type }) => type === "message_delta") as { usage: object };
      return mergeUsage(start.usage, delta.usage);
    },
  },
  gemini: {
    url: (isStream) =>
      `https://generativelanguage.googleapis.com/v1beta/models/model:${isStream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: (turns) => ({ contents: turns.map((text) => ({ role: "user", parts: [{ text }] })) }),
    usage: ({ usageMetadata }) => usageMetadata,
    streamed: (events) => events.at(-1)?.["usageMetadata"],
  },
};

describe.each(Object.entries(wires))("what the provider charges for %s", (_name, { url, body, usage, streamed }) => {
  const conversation = fc.array(fc.string({ maxLength: 2_000, unit: "grapheme" }), { minLength: 1, maxLength: 3 });
  const answer = fc.record({ outputTokens: fc.nat(2_000), reasoningTokens: fc.nat(500) });

  const ask = async (provider: ModelProvider, turns: readonly string[], isStream: boolean): Promise<unknown> => {
    const response = await provider.fetch(url(isStream), post(body(turns, isStream)));
    const text = await response.text();
    return isStream ? streamed(dataOf(text)) : usage(JSON.parse(text) as Record<string, unknown>);
  };

  it("is what its usage object costs by the price table, cached turns and long prompts included", async () => {
    await fc.assert(
      fc.asyncProperty(conversation, answer, fc.boolean(), async (turns, said, isStream) => {
        const provider = createModelProvider({ prices, answer: () => said });
        const long = turns.map((turn) => turn.padEnd(5_000, "words "));
        let sum = 0n;
        for (let count = 1; count <= long.length; count += 1) {
          const price = table.price("model", await ask(provider, long.slice(0, count), isStream));
          expect(provider.calls.at(-1)).toMatchObject({ billed: price, state: "answered", status: 200 });
          sum += price.amount;
        }
        expect(provider.bill).toEqual(usdMicrocents(sum));
      }),
      { numRuns: 25 },
    );
  });

  it("is never above what its request says it can cost", async () => {
    await fc.assert(
      fc.asyncProperty(conversation, answer, async (turns, said) => {
        const provider = createModelProvider({ prices, answer: () => said });
        await ask(provider, turns, false);
        const request = JSON.stringify({ ...body(turns, false), max_tokens: 100_000 });
        expect(table.estimateRequest("model", request).amount).toBeGreaterThanOrEqual(provider.bill.amount);
      }),
      { numRuns: 25 },
    );
  });
});

describe("the provider's books", () => {
  const chat = { model: "model", messages: [{ role: "user", content: "Hi" }] };

  it("charge exact decimals and round up once a call", async () => {
    const provider = createModelProvider({
      prices: { model: { input: "0.01", output: "2.50", per: { request: "0.5" } } },
      tokens: () => 3,
    });
    provider.next({ outputTokens: 1_000 });
    await provider.fetch("https://host/v1/chat/completions", post(chat));
    // 3 × 0.01 and 1,000 × 2.50 dollars a million, and half a dollar: 50,250,003 microcents.
    expect(provider.bill).toEqual(usdMicrocents(50_250_003));
  });

  it("charge a picture by its tokens or by the piece", async () => {
    const provider = createModelProvider({
      prices: { tokens: { input: "5", imageOutput: "40" }, pieces: { per: { image: "0.04" } } },
      imageTokens: 1_000,
      tokens: () => 10,
    });
    for (const model of ["tokens", "pieces"]) {
      await provider.fetch("https://host/v1/images/generations", post({ model, prompt: "A cat", n: 2 }));
    }
    expect(provider.calls.map(({ billed }) => billed)).toEqual([usd("0.08005"), usd("0.08")]);
  });

  it("remember as many calls as their option says, and the bill of all", async () => {
    const provider = createModelProvider({ prices, history: 2 });
    for (let call = 0; call < 5; call += 1) {
      await provider.fetch("https://host/v1/chat/completions", post(chat));
    }
    expect(provider.calls.map(({ attempt }) => attempt)).toEqual([4, 5]);
    expect(provider.bill.amount).toBe(5n * (provider.calls[0]?.billed.amount ?? 0n));
  });

  it("hold no secret of a request", async () => {
    const provider = createModelProvider({ prices });
    await provider.fetch("https://host/v1/chat/completions", post(chat));
    expect(JSON.stringify(provider.calls[0]?.headers)).not.toContain("secret");
    expect(provider.calls[0]?.headers).toMatchObject({ "content-type": "application/json" });
  });

  it.each<[string, Record<string, object>]>([
    ["no decimal", { model: { input: "1e3" } }],
    ["There is no option tiers", { model: { input: "1", tiers: {} } }],
    ["There is no option webSearch", { model: { input: "1", per: { webSearch: "1" } } }],
  ])("refuse a price that they cannot charge: %s", (message, wrong) => {
    expect(() => createModelProvider({ prices: wrong })).toThrow(message);
  });

  it("a model without the price that a request needs is a mistake of the test", async () => {
    const provider = createModelProvider({ prices: { model: { input: "1" } } });
    await expect(provider.fetch("https://host/v1/chat/completions", post(chat))).rejects.toThrow("a price for output");
  });
});
