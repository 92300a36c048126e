import { usdMicrocents } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { type Directive, type ModelProvider, createModelProvider } from "@imprest/testing/models";
import { serveModels } from "@imprest/testing/models/node";
import { afterEach, describe, expect, it } from "vitest";
import { dataOf, post } from "./sse.ts";

// A microcent a token, so that the bill is the count.
const prices = { model: { input: "0.01", output: "0.01" } };
const promptTokens = 100;
const outputTokens = 80;
const whole = usdMicrocents(promptTokens + outputTokens);
const path = "/v1/chat/completions";
const chat = (stream: boolean, content = "Hi"): object => ({
  model: "model",
  stream,
  messages: [{ role: "user", content }],
});

function provide(): ModelProvider {
  const tokens = (text: string): number => (text.startsWith("{") ? promptTokens : text.length);
  return createModelProvider({ prices, tokens, answer: () => ({ outputTokens }) });
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

type Send = (to: string, init: RequestInit) => Promise<Response>;

/** In the process, and behind a real socket. */
const ways: Readonly<Record<string, (provider: ModelProvider) => Promise<Send>>> = {
  "in the process": async (provider) => (to, init) => provider.fetch(`https://host${to}`, init),
  "behind a port": async (provider) => {
    const server = await serveModels(provider);
    open.push(server);
    return (to, init) => fetch(server.url + to, init);
  },
};

describe.each(Object.entries(ways))("a fault %s", (_way, reach) => {
  const run = async (directive: Directive, isStream = false) => {
    const provider = provide();
    const send = await reach(provider);
    provider.next(directive);
    const result = await send(path, post(chat(isStream))).then(
      async (response) => ({ status: response.status, body: await response.text().catch((error: Error) => error) }),
      (error: Error) => error,
    );
    return { provider, result };
  };

  it.each([429, 500, 503])(
    "a status %i that is refused costs nothing, and has the provider's error form",
    async (status) => {
      const { provider, result } = await run({ fault: { kind: "status", status } });
      expect(result).toMatchObject({ status, body: expect.stringContaining('"error"') as string });
      expect(provider.bill).toEqual(usdMicrocents(0));
      expect(provider.calls[0]).toMatchObject({ status, state: "refused" });
    },
  );

  it("a bare status after the work is charged in full", async () => {
    const { provider, result } = await run({ fault: { kind: "status", status: 502, form: "bare", billed: true } });
    expect(result).toMatchObject({ status: 502, body: expect.stringContaining("<html>") as string });
    expect(provider.bill).toEqual(whole);
  });

  it.each([
    ["before-work", usdMicrocents(0)],
    ["after-work", whole],
  ] as const)("a connection lost %s fails the request and costs what was done", async (when, cost) => {
    const { provider, result } = await run({ fault: { kind: "lost", when } });
    expect(result).toBeInstanceOf(TypeError);
    expect(provider.bill).toEqual(cost);
    expect(provider.calls[0]).toMatchObject({ state: "lost", status: undefined });
  });

  it("a stream that is cut costs its prompt and what was generated till then", async () => {
    // The first event names the role; of 64 pieces at most, each of 80 tokens' has 4.
    const { provider, result } = await run({ fault: { kind: "lost", when: "mid-answer", events: 3 } }, true);
    expect(result).toMatchObject({ status: 200, body: expect.any(TypeError) as Error });
    expect(provider.bill).toEqual(usdMicrocents(promptTokens + 8));
    expect(provider.calls[0]?.state).toBe("lost");
  });

  it("an answer that is cut is charged in full", async () => {
    const { provider, result } = await run({ fault: { kind: "lost", when: "mid-answer" } });
    expect(result).toMatchObject({ status: 200, body: expect.any(TypeError) as Error });
    expect(provider.bill).toEqual(whole);
  });

  it("an error inside a stream comes as an event, after what was generated", async () => {
    const { provider, result } = await run({ fault: { kind: "error-event", events: 2 } }, true);
    const events = dataOf((result as { readonly body: string }).body);
    expect(events.at(-1)).toMatchObject({ error: { code: "overloaded" } });
    expect(provider.bill).toEqual(usdMicrocents(promptTokens + 4));
  });

  it.each([true, false])("a malformed answer is no JSON and is charged in full, as a stream: %s", async (isStream) => {
    const { provider, result } = await run({ fault: { kind: "malformed" } }, isStream);
    const { body } = result as { readonly body: string };
    expect(() => (isStream ? dataOf(body) : JSON.parse(body))).toThrow(SyntaxError);
    expect(provider.bill).toEqual(whole);
  });

  it.each(["before-answer", "mid-answer"] as const)("silence %s lasts until the client leaves", async (when) => {
    const provider = provide();
    const send = await reach(provider);
    provider.next({ fault: { kind: "silent", when } });
    const result = send(path, post(chat(true), AbortSignal.timeout(150))).then((response) => response.text());
    await expect(result).rejects.toMatchObject({ name: "TimeoutError" });
    await expect.poll(() => provider.calls[0]?.state).toBe("left");
    expect(provider.bill).toEqual(when === "before-answer" ? whole : usdMicrocents(promptTokens + 8));
  });

  it("a stream that its reader leaves is charged no further", async () => {
    const provider = provide();
    const send = await reach(provider);
    provider.next({ eventDelayMs: 20 });
    const reader = (await send(path, post(chat(true)))).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await expect.poll(() => provider.calls[0]?.state).toBe("left");
    expect(provider.bill.amount).toBeLessThan(whole.amount);
  });
});

describe("directives", () => {
  it("a script directs each attempt of the requests that name it, in their header or in their prompt", async () => {
    const provider = provide();
    const refused = { fault: { kind: "status", status: 429 } } as const;
    provider.script("once", [refused]);
    provider.script("even", (attempt) => (attempt % 2 === 0 ? refused : undefined));
    const statusOf = async (init: RequestInit): Promise<number> =>
      (await provider.fetch(`https://host${path}`, init)).status;
    const named = { ...post(chat(false)), headers: { "x-model-script": "once" } };
    expect([await statusOf(named), await statusOf(named)]).toEqual([429, 200]);
    const marked = post(chat(false, "Please. model-script:even"));
    expect([await statusOf(marked), await statusOf(marked), await statusOf(marked)]).toEqual([200, 429, 200]);
    expect(await statusOf(post(chat(false)))).toBe(200);
    expect(provider.calls.map(({ script, attempt }) => [script, attempt])).toEqual([
      ["once", 1],
      ["once", 2],
      ["even", 1],
      ["even", 2],
      ["even", 3],
      [undefined, 1],
    ]);
  });

  it("nothing reaches a provider that is unreachable, and fetch says so", async () => {
    const provider = provide();
    provider.next({ fault: { kind: "unreachable" } });
    const cause = { code: "ECONNREFUSED" };
    await expect(provider.fetch(`https://host${path}`, post(chat(false)))).rejects.toMatchObject({ cause });
    expect(provider.bill).toEqual(usdMicrocents(0));
  });

  it("usage that is left out or changed leaves the bill as it is", async () => {
    const provider = provide();
    provider.next({ usage: "none" }, { usage: (usage) => ({ ...usage, prompt_tokens: null }) });
    const ask = async (): Promise<unknown> => (await provider.fetch(`https://host${path}`, post(chat(false)))).json();
    expect(await ask()).not.toHaveProperty("usage");
    expect(await ask()).toMatchObject({ usage: { prompt_tokens: null, completion_tokens: outputTokens } });
    expect(provider.bill).toEqual(usdMicrocents(2n * whole.amount));
  });

  it("an answer ends at its limit, and reasoning counts towards it", async () => {
    const provider = provide();
    provider.next({ outputTokens: 50, reasoningTokens: 7 });
    const body = { ...chat(false), max_completion_tokens: 20 };
    const answer: unknown = await (await provider.fetch(`https://host${path}`, post(body))).json();
    expect(answer).toMatchObject({
      choices: [{ finish_reason: "length" }],
      usage: { completion_tokens: 19, completion_tokens_details: { reasoning_tokens: 7 } },
    });
  });

  it("delays pass on the clock that the test moves", async () => {
    const clock = createManualClock();
    const provider = createModelProvider({ prices, clock });
    provider.next({ delayMs: 60_000 });
    let status = 0;
    const asked = provider
      .fetch(`https://host${path}`, post(chat(false)))
      .then((response) => (status = response.status));
    await clock.advance(59_999);
    expect(status).toBe(0);
    await clock.advance(1);
    await asked;
    expect(status).toBe(200);
    expect(clock.timers).toBe(0);
  });
});
