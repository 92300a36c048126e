import { usd, withReservation } from "@imprest/core";
import { asyncReservationContext } from "@imprest/core/node";
import { guardFetch } from "@imprest/llm";
import { fakeAuthority } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { openBooks, prices } from "./books.ts";
import { data, events, json, post, provider } from "./provider.ts";

// What leaves: the request as it was given, but for what the guard adds, limits and takes off.

const chat = "https://api.openai.com/v1/chat/completions";
const request = { model: "gpt-4o", max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const answer = (): Response => json({ choices: [{ finish_reason: "stop" }], usage });
const text = JSON.stringify(request);
const bytes = new TextEncoder().encode(text);

describe("a body in any form that fetch takes", () => {
  const headers = { "content-type": "application/json" };
  it.each<[string, () => [RequestInfo | URL, RequestInit?]]>([
    ["text", () => [chat, { method: "POST", headers, body: text }]],
    ["bytes", () => [chat, { method: "POST", headers, body: bytes }]],
    ["a buffer", () => [new URL(chat), { method: "post", headers, body: bytes.buffer }]],
    ["a part of a buffer", () => [chat, { method: "POST", headers, body: new DataView(bytes.buffer) }]],
    ["a blob", () => [chat, { method: "POST", headers, body: new Blob([text]) }]],
    [
      "a stream",
      () => [chat, { method: "POST", headers, body: new Blob([text]).stream(), duplex: "half" } as RequestInit],
    ],
    ["a Request", () => [new Request(chat, { method: "POST", headers, body: text })]],
    ["a Request with an init", () => [new Request(chat, { method: "GET" }), { method: "POST", headers, body: text }]],
  ])("%s", async (_form, args) => {
    const books = await openBooks();
    const { fetch, reached } = provider(answer);
    await (await guardFetch(books.authority, { prices, fetch })(...args())).text();
    expect(reached.map((one) => one.text)).toEqual([text]);
    expect(reached[0]?.url).toBe(chat);
    expect(books.settlements()).toEqual(["committed 12 actual"]);
  });

  it("a form with files, whose model is a field", async () => {
    const books = await openBooks();
    const { fetch, reached } = provider(() => json({ text: "hello", usage: { type: "duration", seconds: 7 } }));
    const form = new FormData();
    form.set("model", "whisper");
    form.set("file", new Blob([new Uint8Array(1_000)]), "a.wav");
    const url = "https://api.openai.com/v1/audio/transcriptions";
    const guarded = guardFetch(books.authority, { prices, fetch, estimate: () => usd(100) });
    expect(await (await guarded(url, { method: "POST", body: form })).json()).toMatchObject({ text: "hello" });
    expect(reached[0]?.headers.get("content-type")).toMatch(/^multipart\/form-data; boundary=/);
    expect(reached[0]?.text).toContain("a.wav");
    expect(books.settlements()).toEqual(["committed 7 actual"]);
  });

  it("what else an SDK hands to fetch reaches it", async () => {
    const { authority } = await openBooks();
    const seen: unknown[] = [];
    const fetch: typeof globalThis.fetch = async (_input, init) => {
      seen.push(init);
      return answer();
    };
    const init = { ...post(request), dispatcher: "an agent", keepalive: true };
    await (await guardFetch(authority, { prices, fetch })(chat, init)).text();
    expect(seen).toMatchObject([{ dispatcher: "an agent", keepalive: true }]);
  });
});

describe("the usage of a stream", () => {
  const streamed = { ...request, stream: true };
  const chunk = data({ choices: [{ delta: { content: "Hi" }, finish_reason: "stop" }] });
  const extra = data({ choices: [], usage });

  it("is asked for where it is not, and its event taken out again", async () => {
    const { authority } = await openBooks();
    const { fetch, reached } = provider(() => events(chunk, extra, "data: [DONE]\n\n"));
    const response = await guardFetch(authority, { prices, fetch })(chat, post(streamed));
    expect(await response.text()).toBe(`${chunk}data: [DONE]\n\n`);
    expect(reached[0]?.body["stream_options"]).toEqual({ include_usage: true });
  });

  it("is left where the caller asked for it, byte for byte", async () => {
    const { authority } = await openBooks();
    const { fetch, reached } = provider(() => events(chunk, extra, "data: [DONE]\n\n"));
    const body = JSON.stringify({ ...streamed, stream_options: { include_usage: true } }, undefined, 2);
    const response = await guardFetch(authority, { prices, fetch })(chat, post(body));
    expect(await response.text()).toBe(`${chunk}${extra}data: [DONE]\n\n`);
    expect(reached[0]?.text).toBe(body);
  });

  it("changes no integer of the request, however large, nor other options of the stream", async () => {
    const { authority } = await openBooks();
    const { fetch, reached } = provider(() => events(chunk, extra));
    const body = text.replace(
      "{",
      '{"stream":true,"seed":90071992547409931234,"stream_options":{"include_obfuscation":false},',
    );
    await (
      await guardFetch(authority, { prices, fetch })(
        chat,
        post(body, { headers: { "content-length": String(body.length) } }),
      )
    ).text();
    expect(reached[0]?.text).toContain('"seed":90071992547409931234');
    expect(reached[0]?.headers.get("content-length")).toBeNull();
    expect(reached[0]?.body["stream_options"]).toEqual({ include_obfuscation: false, include_usage: true });
  });
});

describe("an authority's caps are written into the request", () => {
  const tools = ["read", "write"].map((name) => ({ type: "function", function: { name } }));
  const claudeTools = ["read", "write"].map((name) => ({ name, input_schema: {} }));
  const googleTools = [{ functionDeclarations: [{ name: "read" }, { name: "write" }] }, { googleSearch: {} }];
  const claude = "https://api.anthropic.com/v1/messages";
  const google = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent";
  const limit = [{ name: "max_tokens", value: 5 }];
  const allow = [{ name: "tool_allowlist", value: ["read"] }];
  const deny = [{ name: "tool_denylist", value: ["read", "write"] }];

  it.each<[string, string, object, object[], object]>([
    ["chat's older limit", chat, request, limit, { max_tokens: 5 }],
    [
      "chat's limit",
      chat,
      { ...request, max_tokens: undefined, max_completion_tokens: 50 },
      limit,
      { max_completion_tokens: 5 },
    ],
    [
      "the older completions' limit",
      "https://api.openai.com/v1/completions",
      { model: "gpt-4o", prompt: "Hi", max_tokens: 50 },
      limit,
      { max_tokens: 5 },
    ],
    ["shared by two answers", chat, { ...request, n: 2 }, limit, { max_tokens: 2 }],
    [
      "responses'",
      "https://api.openai.com/v1/responses",
      { model: "gpt-4o", input: "Hi", max_output_tokens: 50 },
      limit,
      { max_output_tokens: 5 },
    ],
    ["Anthropic's", claude, { ...request, model: "claude-3-haiku" }, limit, { max_tokens: 5 }],
    [
      "Gemini's",
      google,
      { contents: [], generationConfig: { temperature: 1 } },
      limit,
      { generationConfig: { temperature: 1, maxOutputTokens: 5 } },
    ],
    ["a limit that is lower already", chat, { ...request, max_tokens: 3 }, limit, { max_tokens: 3 }],
    [
      "chat's tools",
      chat,
      { ...request, tools, tool_choice: "auto" },
      allow,
      { tools: tools.slice(0, 1), tool_choice: "auto" },
    ],
    [
      "Anthropic's tools",
      claude,
      { ...request, model: "claude-3-haiku", tools: claudeTools },
      allow,
      { tools: claudeTools.slice(0, 1) },
    ],
    [
      "Gemini's tools",
      google,
      { contents: [], tools: googleTools.slice(0, 1) },
      allow,
      { tools: [{ functionDeclarations: [{ name: "read" }] }] },
    ],
  ])("%s", async (_what, url, body, caps, expected) => {
    const authority = fakeAuthority({ caps: caps as [], reserve: [() => ({ decision: "ALLOW_WITH_CAPS" })] });
    const { fetch, reached } = provider(answer);
    await (await guardFetch(authority, { prices, fetch })(url, post(body))).text();
    expect(reached[0]?.body).toMatchObject(expected);
  });

  it("a choice of tools goes with the last tool", async () => {
    const authority = fakeAuthority({ caps: deny, reserve: [() => ({ decision: "ALLOW_WITH_CAPS" })] });
    const { fetch, reached } = provider(answer);
    await (
      await guardFetch(authority, { prices, fetch })(chat, post({ ...request, tools, tool_choice: "required" }))
    ).text();
    expect(Object.keys(reached[0]?.body ?? {})).toEqual(["model", "max_tokens", "messages"]);
  });

  it.each([
    ["a cap that leaves nothing", [{ name: "max_tokens", value: 0 }], "CAPS_LEAVE_NOTHING"],
    ["a cap that the guard does not know", [{ name: "cooldown_ms", value: 9 }], "CAPS_NOT_HONOURED"],
  ])("%s is a denial, and the reservation is released", async (_what, caps, reasonCode) => {
    const authority = fakeAuthority({ caps, reserve: [() => ({ decision: "ALLOW_WITH_CAPS" })] });
    const { fetch, reached } = provider(answer);
    const response = await guardFetch(authority, { prices, fetch })(chat, post(request));
    expect(await response.json()).toMatchObject({ error: { code: reasonCode } });
    await Promise.resolve();
    expect(reached).toEqual([]);
    expect(authority.calls).toEqual(["reserve", "release"]);
  });
});

describe("who spends", () => {
  it("is said by headers that never leave, over the context, over the authority", async () => {
    const { authority, events: seen } = await openBooks();
    const { fetch, reached } = provider(answer);
    const guarded = guardFetch(authority, {
      prices,
      fetch,
      subject: () => ({ agent: "context", workflow: "nightly" }),
    });
    await (await guarded(chat, post(request, { headers: { "Imprest-Agent": "header", "x-own": "1" } }))).text();
    expect(seen.decision[0]?.subject).toMatchObject({ agent: "header", workflow: "nightly" });
    expect([...(reached[0]?.headers.keys() ?? [])].toSorted()).toEqual(["content-type", "x-own"]);
  });

  it("is said by the reservation around the call, where a context carries it", async () => {
    const authority = fakeAuthority({ environment: { context: asyncReservationContext() } });
    const { fetch } = provider(answer);
    const guarded = guardFetch(authority, { prices, fetch });
    const outer = { estimate: usd(1), action: { kind: "agent.run" }, subject: { agent: "planner" } };
    await withReservation(authority, outer, async () => (await guarded(chat, post(request))).text(), {
      spend: () => usd(1),
    });
    expect(authority.requests.map(({ subject }) => subject)).toEqual([{ agent: "planner" }, { agent: "planner" }]);
  });

  it("is left to the authority where nothing says it", async () => {
    const authority = fakeAuthority();
    const { fetch } = provider(answer);
    await (await guardFetch(authority, { prices, fetch })(chat, post(request))).text();
    expect(authority.requests[0]?.subject).toBeUndefined();
  });
});

describe("the answer that is handed out", () => {
  it("keeps its address, and loses what describes other bytes", async () => {
    const { authority } = await openBooks();
    const headers = { "content-length": "3", "content-encoding": "gzip", "x-request-id": "r" };
    const fetch = async (): Promise<Response> =>
      Object.defineProperty(json({ choices: [], usage }, 200, headers), "url", {
        value: "https://redirected.example/",
      });
    const response = await guardFetch(authority, { prices, fetch })(chat, post(request));
    expect(response.url).toBe("https://redirected.example/");
    expect([...response.headers.keys()]).toEqual(["content-type", "x-request-id"]);
    expect(await response.json()).toEqual({ choices: [], usage });
  });

  it("comes as it comes: the settlement does not delay its first event, and is done before its last", async () => {
    const authority = fakeAuthority({ settle: [() => new Promise(() => {})] });
    const first = data({ choices: [{ delta: { content: "Hi" } }] });
    const last = data({ choices: [{ delta: {}, finish_reason: "stop" }], usage });
    const { fetch } = provider(() => events(first, last, "data: [DONE]\n\n"));
    const streamed = { ...request, stream: true, stream_options: { include_usage: true } };
    const response = await guardFetch(authority, { prices, fetch })(chat, post(streamed));
    const reader = response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(first);
    const next = await Promise.race([reader?.read(), new Promise((resolve) => setTimeout(resolve, 30, "not yet"))]);
    expect(next).toBe("not yet");
    expect(authority.calls).toEqual(["reserve", "commit"]);
  });
});
