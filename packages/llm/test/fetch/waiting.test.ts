import { DeniedError } from "@imprest/core";
import { denialOf, guardFetch } from "@imprest/llm";
import { fakeAuthority } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { openBooks, prices } from "./books.ts";
import { json, post, provider } from "./provider.ts";

const chat = "https://api.openai.com/v1/chat/completions";
const request = { model: "gpt-4o", max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const answer = { choices: [{ finish_reason: "stop" }], usage };
/** What each call holds. */
const estimate = JSON.stringify(request).length + 256 + 50;
const later = (ms: number): Promise<Response> => new Promise((resolve) => setTimeout(resolve, ms, json(answer)));

describe("money that calls in flight hold is waited for", () => {
  it("so that calls at once do not refuse each other", async () => {
    const books = await openBooks(estimate + 36);
    const { fetch } = provider(() => later(5));
    const waits: unknown[] = [];
    const guarded = guardFetch(books.authority, { prices, fetch, onReport: ({ kind }) => waits.push(kind) });
    const all = await Promise.all([1, 2, 3, 4].map(async () => (await guarded(chat, post(request))).status));
    expect(all).toEqual([200, 200, 200, 200]);
    expect(waits).toEqual(["waiting", "waiting", "waiting"]);
  });

  it("no longer than waitMs, and the denial says that it is held", async () => {
    const books = await openBooks(estimate);
    const { fetch, reached } = provider(() => later(300));
    const guarded = guardFetch(books.authority, { prices, fetch, waitMs: 30 });
    const first = guarded(chat, post(request));
    const denied = await guarded(chat, post(request));
    expect(denied.status).toBe(402);
    expect(denialOf(await denied.json())).toMatchObject({ reasonCode: "BUDGET_EXCEEDED", isHeld: true });
    expect((await first).status).toBe(200);
    expect(reached).toHaveLength(1);
  });

  it("and not at all where nothing is held: it is spent", async () => {
    const books = await openBooks(estimate);
    const { fetch } = provider(() => json(answer));
    const guarded = guardFetch(books.authority, { prices, fetch });
    await (await guarded(chat, post(request))).text();
    const started = performance.now();
    const denied = await guarded(chat, post(request));
    expect(denialOf(await denied.json())).toMatchObject({ isHeld: false });
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it("until the caller's signal aborts", async () => {
    const books = await openBooks(estimate);
    const { fetch } = provider(() => later(100));
    const guarded = guardFetch(books.authority, { prices, fetch });
    const first = guarded(chat, post(request));
    const abort = new AbortController();
    setTimeout(() => abort.abort("enough"), 10);
    await expect(guarded(chat, post(request, { signal: abort.signal }))).rejects.toBe("enough");
    await (await first).text();
    expect(await books.read()).toEqual({ spent: 12, reserved: 0 });
  });

  it("whoever holds it, where the authority can be asked", async () => {
    const books = await openBooks(estimate);
    const { fetch } = provider(() => later(100));
    const here = guardFetch(books.authority, { prices, fetch });
    const elsewhere = guardFetch(books.authority, { prices, fetch });
    const first = here(chat, post({ ...request, max_tokens: 40 }));
    expect((await elsewhere(chat, post(request))).status).toBe(402);
    await (await first).text();
  });

  it("also by a call whose reservation is still being asked for, where the authority cannot be asked", async () => {
    const denial = new DeniedError("no", { reasonCode: "BUDGET_EXCEEDED" });
    const asked = new Promise<object>((resolve) => setTimeout(() => resolve({}), 10));
    const authority = fakeAuthority({ reserve: [() => asked, () => Promise.reject(denial), () => ({})] });
    const { fetch } = provider(() => json(answer));
    const guarded = guardFetch(authority, { prices, fetch });
    const all = await Promise.all([1, 2].map(async () => (await guarded(chat, post(request))).status));
    expect(all).toEqual([200, 200]);
    expect(authority.calls).toEqual(["reserve", "reserve", "commit", "reserve", "commit"]);
  });
});
