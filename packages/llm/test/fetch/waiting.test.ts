import { DeniedError, openReservation, usd } from "@imprest/core";
import { createPriceTable, denialOf, guardFetch } from "@imprest/llm";
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
/** Holds as much, and charges nothing for what was answered. */
const table = createPriceTable({ "gpt-4o": { input: "1000000", output: "1000000" } });
const free = { ...table, price: () => usd(0) };
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

  it("in their order, so that thousands that ask for the same all have their turn", async () => {
    const count = 3_000;
    const books = await openBooks(2 * estimate + count * 12);
    let asked = 0;
    const authority = new Proxy(books.authority, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (name === "reserve") asked += 1;
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
    // What all of them spend is held, but for what two can hold.
    const held = await openReservation(books.authority, {
      estimate: usd(count * 12),
      action: { kind: "x", name: "y" },
    });
    const { fetch } = provider(() => later(1));
    const guarded = guardFetch(authority, { prices: free, fetch });
    const order: number[] = [];
    const all = await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const { status } = await guarded(chat, post(request));
        order.push(at);
        return status;
      }),
    );
    await held.release("over");
    expect(all.filter((status) => status === 200)).toHaveLength(count);
    expect(order.every((at, place) => Math.abs(at - place) <= 2)).toBe(true);
    expect(asked).toBeLessThan(4 * count);
  }, 60_000);

  it("and a smaller one that fits does not wait behind a greater one", async () => {
    const books = await openBooks(2 * estimate);
    const { fetch, reached } = provider(() => later(50));
    const guarded = guardFetch(books.authority, { prices, fetch });
    const first = guarded(chat, post(request));
    const greater = guarded(chat, post({ ...request, max_tokens: 50 + estimate }));
    const smaller = guarded(chat, post({ ...request, max_tokens: 40 }));
    expect((await smaller).status).toBe(200);
    expect(reached).toHaveLength(2);
    expect((await first).status).toBe(200);
    expect((await greater).status).toBe(402);
  });
});
