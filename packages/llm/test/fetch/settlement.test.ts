import { type GuardFetchOptions, type GuardReport, guardFetch } from "@imprest/llm";
import { describe, expect, it } from "vitest";
import { type Books, openBooks, prices } from "./books.ts";
import { data, events, forever, json, named, post, provider } from "./provider.ts";

// The rows of the table in docs/what-is-charged.md, one by one: what became of a request, and what the books have of it.

const chat = "https://api.openai.com/v1/chat/completions";
const anthropic = "https://api.anthropic.com/v1/messages";
const responses = "https://api.openai.com/v1/responses";
const messages = [{ role: "user", content: "Hi" }];
const request = { model: "gpt-4o", max_tokens: 50, messages };
const streamed = { ...request, stream: true };
const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const whole = { model: "gpt-4o", choices: [{ message: { content: "Hello" }, finish_reason: "stop" }], usage };
const hello = data({ choices: [{ delta: { content: "Hello" } }] });
const stop = data({ choices: [{ delta: {}, finish_reason: "stop" }] });
const usageChunk = data({ choices: [], usage });
const done = "data: [DONE]\n\n";
const start = named({ type: "message_start", message: { usage: { input_tokens: 10, output_tokens: 1 } } });
const claudeText = named({ type: "content_block_delta", delta: { type: "text_delta", text: "Hello" } });

/** What the whole request can cost at most: its bytes, the template, the limit of its answer. */
const estimateOf = (body: object): number => Buffer.byteLength(JSON.stringify(body)) + 256 + 50;
/** What is committed for so many tokens that were seen of an answer whose prompt was not counted. */
const seenOf = (body: object, tokens: number): number => estimateOf({ ...body, max_tokens: tokens }) - 50 + tokens;

interface Run {
  readonly books: Books;
  readonly settled: readonly string[];
  readonly reports: readonly GuardReport[];
  readonly outcome: unknown;
}

interface Situation {
  readonly url?: string;
  readonly body?: object;
  readonly answer: () => Response | Promise<Response>;
  readonly options?: Partial<GuardFetchOptions>;
  readonly signal?: AbortSignal;
  /** Reads so many chunks, then leaves; the whole by default. */
  readonly reads?: number;
}

async function run({ url = chat, body = request, answer, options, signal, reads }: Situation): Promise<Run> {
  const books = await openBooks();
  const { fetch } = provider(answer);
  const reports: GuardReport[] = [];
  const guarded = guardFetch(books.authority, {
    prices,
    fetch,
    onReport: (report) => reports.push(report),
    ...options,
  });
  let outcome: unknown;
  try {
    const response = await guarded(url, post(body, signal ? { signal } : {}));
    outcome = response.status;
    if (reads === undefined) await response.text();
    else {
      const reader = response.body?.getReader();
      for (let read = 0; read < reads; read += 1) await reader?.read();
      await reader?.cancel("left");
    }
  } catch (error) {
    outcome = error;
  }
  const { reserved } = await books.read();
  expect(reserved).toBe(0);
  expect(books.events["dead-letter"]).toEqual([]);
  return { books, settled: books.settlements(), reports, outcome };
}

const reset = (): never => {
  throw Object.assign(new TypeError("fetch failed"), {
    cause: Object.assign(new Error("read"), { code: "ECONNRESET" }),
  });
};

describe("before a byte has left, nothing was spent", () => {
  it.each([
    ["a refused connection", { code: "ECONNREFUSED", syscall: "connect" }],
    ["a name that is not found", { code: "ENOTFOUND", syscall: "getaddrinfo" }],
    ["a connect timeout", { code: "UND_ERR_CONNECT_TIMEOUT" }],
    ["a certificate that is refused", { code: "CERT_HAS_EXPIRED" }],
    ["every address refusing", { errors: [{ code: "ECONNREFUSED" }, { code: "ENETUNREACH" }] }],
  ])("%s is released", async (_what, cause) => {
    const error = Object.assign(new TypeError("fetch failed"), { cause: Object.assign(new Error("no"), cause) });
    const { settled, outcome } = await run({ answer: () => Promise.reject(error) });
    expect(settled).toEqual(["released"]);
    expect(outcome).toBe(error);
  });

  it("one address that was reached is no such case", async () => {
    const cause = Object.assign(new AggregateError([]), { errors: [{ code: "ECONNREFUSED" }, { code: "ECONNRESET" }] });
    const { settled } = await run({
      answer: () => Promise.reject(Object.assign(new TypeError("fetch failed"), { cause })),
    });
    expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
  });
});

describe("an answer with an error", () => {
  const own = { error: { message: "overloaded", type: "server_error" } };

  it.each([400, 401, 403, 404, 409, 413, 422, 429])("%i is released", async (status) => {
    const { settled, outcome } = await run({ answer: () => new Response("no", { status }) });
    expect(settled).toEqual(["released"]);
    expect(outcome).toBe(status);
  });

  it.each([503, 529])(
    "%i is released in the provider's own form, or where it says when to try again",
    async (status) => {
      expect((await run({ answer: () => json(own, status) })).settled).toEqual(["released"]);
      const again = (): Response => new Response("busy", { status, headers: { "retry-after": "2" } });
      expect((await run({ answer: again })).settled).toEqual(["released"]);
      const { settled } = await run({ answer: again, options: { billedStatuses: [status] } });
      expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
    },
  );

  it.each([400, 404, 429, 500, 502, 503, 504, 529])("%i that states what was used is charged by it", async (status) => {
    expect((await run({ answer: () => json({ ...own, usage }, status) })).settled).toEqual(["committed 12 actual"]);
    const inside = { error: { ...own.error, usage } };
    expect((await run({ answer: () => json(inside, status) })).settled).toEqual(["committed 12 actual"]);
    const unpriced = json({ ...own, usage: { ...usage, smells: 2 } }, status);
    expect((await run({ answer: () => unpriced })).settled).toEqual([`committed ${estimateOf(request)} estimate`]);
    const { settled } = await run({
      answer: () => json({ ...own, usage }, status),
      options: { billedStatuses: [status] },
    });
    expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
  });

  it("an error of Anthropic's with status 200 that states what was used is charged by it", async () => {
    const error = { type: "error", error: { type: "overloaded_error", message: "busy" } };
    const body = { model: "claude-3-haiku", max_tokens: 50, messages };
    const answer = (): Response => json({ ...error, usage: { input_tokens: 9, output_tokens: 3 } });
    expect((await run({ url: anthropic, body, answer })).settled).toEqual(["committed 12 actual"]);
    expect((await run({ url: anthropic, body, answer: () => json(error) })).settled).toEqual(["released"]);
  });

  it("a list of Gemini's that ends with an error is charged as its events are", async () => {
    const body = { contents: [{ parts: [{ text: "Hi" }] }], generationConfig: { maxOutputTokens: 1_000 } };
    const shown = { candidates: [{ index: 0, content: { parts: [{ text: "x".repeat(500) }] } }] };
    const counted = { ...shown, usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 } };
    const error = { error: { code: 503, message: "busy", status: "UNAVAILABLE" } };
    const url = "https://generativelanguage.googleapis.com/v1/models/gemini-2.0-flash:streamGenerateContent";
    const list = await run({ url, body, answer: () => json([counted, shown, error]) });
    const parts = [counted, shown, error].map(data);
    const streamedList = await run({ url: `${url}?alt=sse`, body, answer: () => events(...parts) });
    expect(list.settled).toEqual(streamedList.settled);
    expect(Number(list.settled[0]?.split(" ")[1])).toBeGreaterThanOrEqual(1_009);
    expect((await run({ url, body, answer: () => json([error]) })).settled).toEqual(["released"]);
  });

  it.each([408, 499, 500, 501, 502, 503, 504, 520, 524, 529, 599])(
    "%i may be an intermediary's: the estimate",
    async (status) => {
      const { settled } = await run({ answer: () => new Response("<html>bad gateway</html>", { status }) });
      expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
    },
  );

  it("500 in the provider's own form is released, and handed out as it came", async () => {
    const { settled } = await run({ answer: () => json(own, 500) });
    expect(settled).toEqual(["released"]);
  });

  it.each([408, 502, 504])("%i in the provider's form is still an intermediary's", async (status) => {
    const { settled } = await run({ answer: () => json(own, status) });
    expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
  });

  it("billedStatuses adds a status behind which the provider charges", async () => {
    const { settled } = await run({ answer: () => json(own, 500), options: { billedStatuses: [500] } });
    expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
  });

  it("a provider's error with status 200 is released", async () => {
    const { settled } = await run({ answer: () => json(own) });
    expect(settled).toEqual(["released"]);
  });

  it("a provider's error that states what was used is committed", async () => {
    const { settled } = await run({ answer: () => json({ ...own, usage }) });
    expect(settled).toEqual(["committed 12 actual"]);
  });

  it("is settled before it is handed out, whether its body is read or not", async () => {
    const books = await openBooks();
    const { fetch } = provider(() => json(own, 429));
    await guardFetch(books.authority, { prices, fetch })(chat, post(request));
    expect(books.settlements()).toEqual(["released"]);
  });
});

describe("an answer with its usage is committed as it is", () => {
  it.each([
    ["whole", { answer: () => json(whole) }],
    ["a stream", { body: streamed, answer: () => events(hello, stop, usageChunk, done) }],
    ["a stream without [DONE]", { body: streamed, answer: () => events(hello, stop, usageChunk) }],
    [
      "a stream reset after its usage",
      { body: streamed, answer: () => events(hello, stop, usageChunk, new Error("reset")) },
    ],
    [
      "a stream left after its usage came",
      { body: streamed, answer: () => events(hello + stop + usageChunk, forever), reads: 0 },
    ],
  ])("%s", async (_what, situation: Situation) => {
    const { settled } = await run(situation);
    expect(settled).toEqual(["committed 12 actual"]);
  });

  it("with the counts and the model that answered", async () => {
    const { books } = await run({ answer: () => json({ ...whole, model: "gpt-4o-2024-08-06" }) });
    const call = books.events.settlement[0]?.call;
    expect(call?.metrics).toMatchObject({ inputTokens: 9, outputTokens: 3, modelVersion: "gpt-4o-2024-08-06" });
    expect(call?.action).toEqual({ kind: "llm.completion", name: "gpt-4o", tags: ["openai-chat", "attempt"] });
  });

  it.each([
    ["a failed response", "response.failed", { input_tokens: 9, output_tokens: 3 }, "committed 12 actual"],
    ["an incomplete one", "response.incomplete", { input_tokens: 9, output_tokens: 50 }, "committed 59 actual"],
  ])("%s too", async (_what, type, counts, expected) => {
    const body = { model: "gpt-4o", max_output_tokens: 50, input: "Hi", stream: true };
    const last = named({ type, response: { usage: counts } });
    const { settled } = await run({ url: responses, body, answer: () => events(last) });
    expect(settled).toEqual([expected]);
  });

  it("is no less than the dearer of the models asked for and answering", async () => {
    const dearer = {
      ...whole,
      model: "claude-3-haiku",
      usage: { ...usage, prompt_tokens_details: { cached_tokens: 4 } },
    };
    expect((await run({ answer: () => json(dearer) })).settled).toEqual(["committed 12 actual"]);
    const body = { ...request, model: "claude-3-haiku" };
    const answer = (): Response => json({ ...dearer, model: "gpt-4o" });
    expect((await run({ body, answer })).settled).toEqual(["committed 12 actual"]);
  });
});

describe("a stream whose usage is known", () => {
  const noise = data({ choices: [], padding: "x".repeat(10_000) });

  it("reaches its reader although the provider sends on, and is charged by its usage", async () => {
    const books = await openBooks();
    const { fetch } = provider(() => events(hello, stop, usageChunk, ...Array<string>(50).fill(noise), forever));
    const response = await guardFetch(books.authority, { prices, fetch })(chat, post(streamed));
    const reader = response.body?.getReader();
    let length = 0;
    while (length < 100_000) length += (await reader?.read())?.value?.length ?? 0;
    await reader?.cancel();
    expect(books.settlements()).toEqual(["committed 12 actual"]);
  });

  it("reaches its reader although the provider sends nothing more and does not end", async () => {
    const books = await openBooks();
    const asked = { ...streamed, stream_options: { include_usage: true } };
    const { fetch } = provider(() => events(hello + stop + usageChunk, forever));
    const response = await guardFetch(books.authority, { prices, fetch })(chat, post(asked));
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(new TextDecoder().decode(first?.value)).toBe(hello + stop + usageChunk);
    await reader?.cancel();
    expect(books.settlements()).toEqual(["committed 12 actual"]);
  });

  it("is not done by a usage before anything has ended", async () => {
    const early = data({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 0, total_tokens: 9 } });
    const { settled } = await run({ body: streamed, answer: () => events(early, hello, hello, new Error("reset")) });
    expect(settled).toEqual([`committed ${9 + 2 * "Hello".length + 1} estimate`]);
  });
});

describe("an answer without a usage that has a price is committed by what was seen, and reported", () => {
  it.each([
    ["missing", {}],
    ["null", { usage: null }],
    ["no usage object", { usage: "many" }],
    ["unreadable", { usage: { ...usage, prompt_tokens: 1.5 } }],
    ["with a number that no reader knows", { usage: { ...usage, smells: 2 } }],
  ])("%s", async (_what, more) => {
    const { usage: _known, ...without } = whole;
    const { settled, reports } = await run({ answer: () => json({ ...without, ...more }) });
    const seen = seenOf(request, "Hello".length);
    expect(settled).toEqual([`committed ${seen} estimate`]);
    expect(reports).toMatchObject([{ kind: "usage-unknown", wire: "openai-chat", model: "gpt-4o" }]);
  });

  it("never less than what is priced of it", async () => {
    const { settled } = await run({
      answer: () => json({ ...whole, usage: { ...usage, prompt_tokens: 5_000, total_tokens: 5_003, smells: 2 } }),
    });
    expect(settled).toEqual(["committed 5003 estimate"]);
  });

  it("by the estimate where the model may have thought unseen", async () => {
    const body = { ...request, model: "thinker" };
    const { settled } = await run({ body, answer: () => json({ ...whole, usage: undefined }) });
    expect(settled).toEqual([`committed ${estimateOf(body)} estimate`]);
  });

  it("an answer that is no JSON counts by its bytes", async () => {
    const { settled, reports } = await run({ answer: () => new Response("hello there") });
    expect(settled).toEqual([`committed ${seenOf(request, 11)} estimate`]);
    expect(reports).toHaveLength(1);
  });

  it("a stream without usage as well", async () => {
    const { settled, reports } = await run({ body: streamed, answer: () => events(hello, stop, done) });
    expect(settled).toEqual([`committed ${seenOf(streamed, "Hello".length + 1)} estimate`]);
    expect(reports).toHaveLength(1);
  });

  it("a listener that throws breaks no answer", async () => {
    const onReport = (): never => {
      throw new Error("listener");
    };
    const { outcome } = await run({ answer: () => json({}), options: { onReport } });
    expect(outcome).toBe(200);
  });
});

describe("what breaks off after the request has left may be charged", () => {
  it("a reset before the answer: the estimate", async () => {
    const { settled } = await run({ answer: reset });
    expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
  });

  it("an abort before the answer: the estimate, and the signal's own reason", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new DOMException("stopped", "AbortError")), 5);
    const { settled, outcome } = await run({ answer: () => new Promise(() => {}), signal: abort.signal });
    expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
    expect(outcome).toBe(abort.signal.reason);
  });

  it("an abort before anything was reserved: nothing, and the signal's own reason", async () => {
    const signal = AbortSignal.abort("early");
    const { settled, outcome } = await run({ answer: () => json(whole), signal });
    expect(settled).toEqual([]);
    expect(outcome).toBe("early");
  });

  it("a whole answer that is cut: the estimate", async () => {
    const cut = (): Response =>
      new Response(events('{"choices":[', new Error("reset")).body, {
        headers: { "content-type": "application/json" },
      });
    const { settled } = await run({ answer: cut });
    expect(settled).toEqual([`committed ${estimateOf(request)} estimate`]);
  });

  it.each([
    ["a reset", { answer: () => events(hello, new Error("reset")) }],
    ["an end without its signs", { answer: () => events(hello) }],
    ["a reader that leaves", { answer: () => events(hello, forever), reads: 1 }],
  ])("a stream: its prompt and what was seen (%s)", async (_what, situation: Situation) => {
    const { settled, reports } = await run({ body: streamed, ...situation });
    expect(reports).toEqual([]);
    expect(settled).toEqual([`committed ${seenOf(streamed, "Hello".length)} estimate`]);
  });

  it("a stream whose prompt was counted: that prompt and what was seen", async () => {
    const body = { model: "claude-3-haiku", max_tokens: 50, messages, stream: true };
    const { settled } = await run({
      url: anthropic,
      body,
      answer: () => events(start, claudeText, new Error("reset")),
    });
    expect(settled).toEqual([`committed ${10 + "Hello".length} estimate`]);
  });

  it("a stream of a model that may think unseen: the estimate", async () => {
    const body = { ...streamed, model: "thinker" };
    const { settled } = await run({ body, answer: () => events(hello, new Error("reset")) });
    expect(settled).toEqual([`committed ${estimateOf(body)} estimate`]);
  });

  it("an error event in a stream: what is known, or what was seen where that is more", async () => {
    const body = { model: "claude-3-haiku", max_tokens: 50, messages, stream: true };
    const error = named({ type: "error", error: { type: "overloaded_error", message: "busy" } });
    const { settled } = await run({ url: anthropic, body, answer: () => events(start, claudeText, error) });
    expect(settled).toHaveLength(1);
    expect(settled[0]).toMatch(/^committed \d+ estimate$/);
    expect(Number(settled[0]?.split(" ")[1])).toBeGreaterThanOrEqual(15);
  });

  it("running usage, then a break: the greater of what was stated and what was seen", async () => {
    const running = data({
      choices: [{ delta: { content: "Hi" } }],
      usage: { prompt_tokens: 9, completion_tokens: 40, total_tokens: 49 },
    });
    const { settled } = await run({ body: streamed, answer: () => events(running, new Error("reset")) });
    expect(settled).toEqual(["committed 49 estimate"]);
  });

  it("never more than the estimate where nothing states more", async () => {
    const long = data({ choices: [{ delta: { content: "x".repeat(10_000) } }] });
    const { settled } = await run({ body: streamed, answer: () => events(long, new Error("reset")) });
    expect(settled).toEqual([`committed ${estimateOf(streamed)} estimate`]);
  });
});

describe("a reader that falls silent", () => {
  it("is given up: the provider is cancelled, and what was seen is committed", async () => {
    const books = await openBooks();
    let cancelled: unknown;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) =>
        controller.enqueue(new TextEncoder().encode(data({ choices: [{ delta: { content: "x".repeat(1_000) } }] }))),
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    const { fetch } = provider(() => new Response(endless, { headers: { "content-type": "text/event-stream" } }));
    const response = await guardFetch(books.authority, { prices, fetch, idleMs: 20 })(chat, post(streamed));
    const reader = response.body?.getReader();
    await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(cancelled).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(books.settlements()).toEqual([`committed ${estimateOf(streamed)} estimate`]);
    const left = (async () => {
      for (;;) if ((await reader?.read())?.done !== false) return;
    })();
    await expect(left).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
  });

  it("is waited for where the whole answer fits into what is read ahead", async () => {
    const books = await openBooks();
    const { fetch } = provider(() => events(hello, stop, usageChunk, done));
    const response = await guardFetch(books.authority, { prices, fetch, idleMs: 20 })(chat, post(streamed));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(books.settlements()).toEqual(["committed 12 actual"]);
    expect(await response.text()).toContain("Hello");
  });

  it("a provider that never ends is given up after the longest time", async () => {
    const { settled, outcome } = await run({
      body: streamed,
      answer: () => events(hello, forever),
      options: { longestMs: 20 },
    });
    expect(settled).toEqual([`committed ${seenOf(streamed, "Hello".length)} estimate`]);
    expect(outcome).toMatchObject({ code: "ERR_TIMEOUT" });
  });
});

describe("each attempt of an SDK is a reservation of its own", () => {
  it("settled by its own row, with its number where the SDK says it", async () => {
    const books = await openBooks();
    const answers = [json({ error: { message: "slow" } }, 429), new Response("bad", { status: 502 }), json(whole)];
    const { fetch } = provider(() => answers.shift() ?? json({}));
    const guarded = guardFetch(books.authority, { prices, fetch });
    for (const retry of ["0", "1", "2"]) {
      await (await guarded(chat, post(request, { headers: { "x-stainless-retry-count": retry } }))).text();
    }
    expect(books.settlements()).toEqual([
      "released",
      `committed ${estimateOf(request)} estimate`,
      "committed 12 actual",
    ]);
    expect(books.events.decision.every(({ action }) => action.tags?.includes("attempt"))).toBe(true);
  });
});

it("a denial of the authority is never sent to the provider", async () => {
  const books = await openBooks(1);
  const { fetch, reached } = provider(() => json(whole));
  const response = await guardFetch(books.authority, { prices, fetch })(chat, post(request));
  expect(response.status).toBe(402);
  expect(reached).toEqual([]);
});
