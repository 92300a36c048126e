import { type Clock, type Timer, systemClock, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createPrefixMap, createPriceTable, denialOf, guardFetch } from "@imprest/llm";
import { createModelProvider } from "@imprest/testing/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openBooks, prices } from "./books.ts";
import { data, post, provider } from "./provider.ts";

const chat = "https://api.openai.com/v1/chat/completions";
const messages = [{ role: "user", content: "Hi" }];
const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };

describe("a stream that is cut into any pieces", () => {
  const chunk = (delta: object, finish: string | null = null): string =>
    data({ choices: [{ delta, finish_reason: finish }], usage: null });
  const extra = data({ choices: [], usage });
  const text = [
    ": a comment\r\n\r\n",
    chunk({ role: "assistant" }).replaceAll("\n", "\r\n"),
    chunk({ content: "你好 👋" }),
    chunk({ content: "\n\n" }).replaceAll("\n", "\r"),
    `event: x\nid: 7\n${chunk({ content: "a" })}`,
    chunk({}, "stop"),
    extra,
    "data: [DONE]\n\n",
  ];
  const whole = Buffer.from(text.join(""));
  const without = text.filter((event) => event !== extra).join("");

  it("comes out with the same bytes, but for the event that was asked for, and the same usage", async () => {
    const cuts = fc.array(fc.nat(whole.length), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.boolean(), async (places, asked) => {
        const ends = [...places.toSorted((left, right) => left - right), whole.length];
        let from = 0;
        const pieces = ends.map((end) => whole.subarray(from, (from = end)));
        const books = await openBooks();
        const { fetch } = provider(
          () => new Response(streamOf(pieces), { headers: { "content-type": "text/event-stream" } }),
        );
        const options = asked ? { stream_options: { include_usage: true } } : {};
        const body = { model: "gpt-4o", max_tokens: 50, messages, stream: true, ...options };
        const response = await guardFetch(books.authority, { prices, fetch })(chat, post(body));
        expect(Buffer.from(await response.arrayBuffer()).toString()).toBe(asked ? whole.toString() : without);
        expect(books.settlements()).toEqual(["committed 12 actual"]);
      }),
      { numRuns: 200 },
    );
  });
});

describe("what is left behind", () => {
  it("by 1,000 streams that are aborted: no money, no timer, no listener", async () => {
    let timers = 0;
    const clock: Clock = {
      ...systemClock,
      setTimer(callback, delayMs, awaited): Timer {
        timers += 1;
        let isOver = false;
        const end = (): void => {
          if (!isOver) timers -= 1;
          isOver = true;
        };
        const timer = systemClock.setTimer(() => (end(), callback()), delayMs, awaited);
        return { clear: () => (end(), timer.clear()) };
      },
    };
    const embedded = createEmbeddedAuthority();
    await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1000000") });
    const authority = embedded.authority({ tenant: "acme", clock });
    const { fetch } = provider(() => new Response(endless(), { headers: { "content-type": "text/event-stream" } }));
    const guarded = guardFetch(authority, { prices, fetch });
    const abort = new AbortController();
    let listeners = 0;
    const { signal } = abort;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => ((listeners += 1), add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => ((listeners -= 1), remove(...args));
    const body = { model: "gpt-4o", max_tokens: 50, messages, stream: true };
    const kept: unknown[] = [];
    let reading = 0;
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, at) => {
        const response = await guarded(chat, post(body, at % 2 ? { signal } : {}));
        const reader = response.body?.getReader();
        await reader?.read();
        if (++reading === 1_000) abort.abort("all");
        if (at % 2) kept.push(await reader?.closed.catch((error: unknown) => error));
        else await reader?.cancel();
      }),
    );
    expect(kept).toEqual(Array(500).fill("all"));
    expect((await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" })).reserved).toBe(0n);
    // Listeners that ran are gone by themselves (`once`); those that did not were taken off.
    expect(listeners).toBeLessThanOrEqual(1_000);
    expect(timers).toBe(0);
    const quiet = new AbortController();
    let left = 0;
    quiet.signal.addEventListener = (() => (left += 1)) as never;
    quiet.signal.removeEventListener = (() => (left -= 1)) as never;
    const { fetch: whole } = provider(() => Response.json({ choices: [], usage }));
    await (
      await guardFetch(authority, { prices, fetch: whole })(
        chat,
        post({ ...body, stream: false }, { signal: quiet.signal }),
      )
    ).text();
    expect(left).toBe(0);
    await embedded.close();
  });
});

function streamOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

/** Text without an end, slower than it is read. */
function endless(): ReadableStream<Uint8Array> {
  const event = new TextEncoder().encode(data({ choices: [{ delta: { content: "Hi" } }] }));
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.enqueue(event);
    },
  });
}

describe("a coding agent", () => {
  // Three at a time, 300 kB of prompt that grows, 32,000 tokens of answer allowed and few used, nine tenths of it cached.
  it("with $5.00 spends at least $3.50 of it, never more, and what the provider bills", async () => {
    const modelPrices = {
      "claude-sonnet-4": { input: "3.00", cachedInput: "0.30", cacheWrite: "3.75", output: "15.00" },
    };
    const models = createModelProvider({ prices: modelPrices, answer: () => ({ outputTokens: 400 }) });
    const embedded = createEmbeddedAuthority();
    const budget = usd("5.00");
    await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: budget });
    const authority = embedded.authority({ tenant: "acme" });
    const fetch = guardFetch(authority, {
      prices: createPriceTable(modelPrices),
      prefixes: createPrefixMap(),
      fetch: models.fetch,
    });
    const file = "const answer = await ask(question); // what the file says\n".repeat(5_200).slice(0, 300_000);
    const work = async (agent: number): Promise<void> => {
      const turns: object[] = [
        { role: "user", content: [{ type: "text", text: `${agent} ${file}`, cache_control: { type: "ephemeral" } }] },
      ];
      for (let turn = 0; turn < 400; turn += 1) {
        const body = { model: "claude-sonnet-4", max_tokens: 32_000, messages: turns };
        const response = await fetch("https://api.anthropic.com/v1/messages", post(body));
        const answer = (await response.json()) as { readonly content?: readonly { readonly text: string }[] };
        if (!response.ok) {
          expect(denialOf(answer)).toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
          return;
        }
        turns.push({ role: "assistant", content: answer.content?.[0]?.text ?? "" });
        turns.push({
          role: "user",
          content: [{ type: "text", text: `step ${turn}`, cache_control: { type: "ephemeral" } }],
        });
      }
    };
    await Promise.all([1, 2, 3].map(work));
    const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
    expect(reserved).toBe(0n);
    expect(spent).toBe(models.bill.amount);
    expect(spent).toBeLessThanOrEqual(budget.amount);
    expect(spent).toBeGreaterThanOrEqual(usd("3.50").amount);
    await embedded.close();
  }, 60_000);
});
