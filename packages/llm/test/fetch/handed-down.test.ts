import { type SpendAuthority, usd } from "@imprest/core";
import { guardFetch } from "@imprest/llm";
import { HostCalls } from "@imprest/llm/internal";
import { describe, expect, it } from "vitest";
import { openBooks, prices } from "./books.ts";
import { json, post, provider } from "./provider.ts";

// An adapter above has reserved for a call, and names its reservation in a header that the guard takes off.

const chat = "https://api.openai.com/v1/chat/completions";
const request = { model: "gpt-4o", max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const answer = (): Response => json({ choices: [{ finish_reason: "stop" }], usage });
const send = async (guarded: typeof fetch, body: object, headers: Record<string, string>) =>
  (await guarded(chat, post(body, { headers }))).text();
const adapter = (authority: SpendAuthority) => new HostCalls("test", { authority, guardOptions: { prices } });

describe("a reservation that is handed down", () => {
  it("is settled by the guard, and nothing is reserved a second time", async () => {
    const { authority, events, settlements } = await openBooks();
    const { fetch, reached } = provider(answer);
    const call = await adapter(authority).open("completion", { provider: "openai", body: request });
    await send(guardFetch(authority, { prices, fetch }), request, call.headers);
    await call.answered({ usage, isDone: true });
    expect(events.decision).toHaveLength(1);
    expect(settlements()).toEqual(["committed 12 actual"]);
    expect(reached).toHaveLength(1);
    expect([...(reached[0]?.headers.keys() ?? [])].filter((name) => name.startsWith("imprest"))).toEqual([]);
  });

  it("serves one attempt; the next ones are reserved by themselves, for the same spender", async () => {
    const { authority, events, settlements } = await openBooks();
    const { fetch } = provider(answer);
    const headers = { "imprest-agent": "writer" };
    const call = await adapter(authority).open("completion", { provider: "openai", body: request, headers });
    const guarded = guardFetch(authority, { prices, fetch });
    await Promise.all([1, 2, 3].map(() => send(guarded, request, call.headers)));
    expect(settlements()).toEqual(Array(3).fill("committed 12 actual"));
    expect(events.decision.map(({ subject }) => subject?.agent)).toEqual(["writer", "writer", "writer"]);
  });

  it("is given back where it does not cover the request, which is reserved in full", async () => {
    // Two reservations of the larger kind do not fit.
    const { authority, settlements } = await openBooks(3_000);
    const { fetch } = provider(answer);
    const call = await adapter(authority).open("completion", { provider: "openai", body: request });
    await send(guardFetch(authority, { prices, fetch, waitMs: 0 }), { ...request, max_tokens: 2_000 }, call.headers);
    expect(settlements()).toEqual(["released", "committed 12 actual"]);
  });

  it("is not taken by a guard of another authority", async () => {
    const [above, below] = [await openBooks(), await openBooks()];
    const { fetch } = provider(answer);
    const call = await adapter(above.authority).open("completion", { provider: "openai", body: request });
    await send(guardFetch(below.authority, { prices, fetch }), request, call.headers);
    await call.answered({ usage, isDone: true });
    expect([above.settlements(), below.settlements()]).toEqual([["committed 12 actual"], ["committed 12 actual"]]);
  });

  it.each(["", "true", "0".repeat(32), "__proto__", "constructor"])(
    "a header from elsewhere (%j) changes nothing",
    async (value) => {
      const { authority, settlements } = await openBooks();
      const { fetch, reached } = provider(answer);
      const call = await adapter(authority).open("completion", { provider: "openai", body: request });
      await send(guardFetch(authority, { prices, fetch }), request, { "imprest-reservation": value });
      expect(settlements()).toEqual(["committed 12 actual"]);
      expect(reached[0]?.headers.has("imprest-reservation")).toBe(false);
      await call.failed(new Error("nothing was sent"), true);
    },
  );

  it("a header that is sent again after its call names nothing", async () => {
    const { authority, events, settlements } = await openBooks();
    const { fetch } = provider(answer);
    const call = await adapter(authority).open("completion", { provider: "openai", body: request });
    await call.answered({ usage, isDone: true });
    await send(guardFetch(authority, { prices, fetch }), request, call.headers);
    expect(settlements()).toEqual(["committed 12 actual", "committed 12 actual"]);
    expect(events.decision).toHaveLength(2);
  });
});

describe("a call that no guard below has taken", () => {
  const open = async () => {
    const books = await openBooks();
    return { ...books, call: await adapter(books.authority).open("completion", { provider: "openai", body: request }) };
  };
  const refused = { error: { message: "no", type: "server_error" } };

  it.each<[string, unknown, boolean, string]>([
    ["nothing was sent", new Error("no key"), true, "released"],
    ["no connection came about", new TypeError("failed", { cause: { code: "ECONNREFUSED" } }), false, "released"],
    ["the provider refused", { statusCode: 429 }, false, "released"],
    [
      "the provider failed, in its own form",
      { statusCode: 500, responseBody: JSON.stringify(refused) },
      false,
      "released",
    ],
    ["an SDK holds the provider's error as an object", { status: 500, ...refused }, false, "released"],
    ["something failed that may be charged", { statusCode: 502 }, false, "estimate"],
    ["the answer could not be read", { statusCode: 200 }, false, "estimate"],
    ["the connection was lost", new TypeError("terminated"), false, "estimate"],
  ])("%s", async (_what, error, isUnsent, expected) => {
    const { call, settlements } = await open();
    await call.failed(error, isUnsent);
    await call.answered({ usage, isDone: true });
    expect(settlements()).toEqual([expect.stringContaining(expected)]);
  });

  it("is charged by what was seen where its answer broke off", async () => {
    const books = await openBooks();
    const body = { model: "claude-3-haiku", max_tokens: 5_000, messages: [] };
    const call = await adapter(books.authority).open("completion", { provider: "anthropic", body });
    call.saw({ type: "text-delta", delta: "a".repeat(100) });
    await call.answered({ isDone: false });
    const [settled = ""] = books.settlements();
    expect(settled).toMatch(/^committed \d+ estimate$/);
    expect(Number(settled.split(" ")[1])).toBeLessThan(2_000);
  });

  it("rejects with the caller's own reason when the caller has aborted", async () => {
    const { authority, settlements } = await openBooks();
    const reason = new Error("the page was closed");
    const opening = adapter(authority).open("completion", {
      provider: "openai",
      body: request,
      signal: AbortSignal.abort(reason),
    });
    await expect(opening).rejects.toBe(reason);
    expect(settlements()).toEqual([]);
  });

  it("knows equal pictures again, by their bytes", async () => {
    const { authority } = await openBooks();
    const asked: unknown[] = [];
    const guardOptions = {
      prices,
      extraInputTokens: 100,
      estimate: ({ body }: { body: unknown }) => (asked.push(body), usd(9)),
    };
    const picture = { type: "file", mediaType: "image/png", data: Buffer.from([1, 2, 255]) };
    const body = { model: "gpt-4o", max_tokens: 5, messages: [{ role: "user", content: [picture] }] };
    await new HostCalls("test", { authority, guardOptions }).open("completion", { provider: "openai", body });
    expect(asked).toMatchObject([{ messages: [{ content: [{ data: "AQL_" }] }] }]);
  });
});
