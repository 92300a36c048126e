import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CyclesClient } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createManualClock, transportTo } from "@imprest/testing";
import { type ModelProvider, createModelProvider } from "@imprest/testing/models";
import {
  type Budget,
  type BudgetEvents,
  type CreateBudgetOptions,
  connectBudget,
  createBudget,
  denialOf,
  formatAmount,
  usd,
  withReservation,
} from "imprest";
import { sqliteStore } from "imprest/node";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

const prices = { "gpt-5": { input: "1.25", output: "10.00", maxOutputTokens: 2_000 } };
const url = "https://api.openai.com/v1/chat/completions";
let provider: ModelProvider;
beforeEach(() => {
  provider = createModelProvider({ prices: { "gpt-5": { input: "1.25", output: "10.00" } } });
});

function create(options: Partial<CreateBudgetOptions> = {}) {
  const budget = createBudget({ limit: "$0.05", prices, fetch: provider.fetch, ...options });
  onTestFinished(() => budget.close());
  return budget;
}

/** One question to the model, as an SDK asks it. @throws what an SDK throws for an answer that is an error. */
async function ask(budget: Budget, headers: Record<string, string> = {}): Promise<void> {
  const messages = [{ role: "user", content: "Tell me more." }];
  const body = JSON.stringify({ model: "gpt-5", messages, max_completion_tokens: 1_000 });
  const response = await budget.fetch(url, { method: "POST", body, headers });
  const answer: unknown = await response.json();
  if (!response.ok) throw Object.assign(new Error("the provider refused"), { status: response.status, error: answer });
}

/** Asks until it is refused. @returns how often it was answered. */
async function spendAll(budget: Budget): Promise<number> {
  for (let count = 0; ; count += 1) {
    try {
      await ask(budget);
    } catch (error) {
      if (denialOf(error)) return count;
      throw error;
    }
  }
}

describe("createBudget", () => {
  it("stops a loop of model calls at its limit, and its books are the provider's bill", async () => {
    const budget = create();
    const answered = await spendAll(budget);
    expect(answered).toBeGreaterThan(3);
    const { limit, spent, reserved, remaining } = await budget.balance();
    expect(spent).toEqual(provider.bill);
    expect([limit, reserved].map((amount) => amount && formatAmount(amount))).toEqual(["$0.05", "$0"]);
    expect(remaining.amount).toBe(usd("0.05").amount - provider.bill.amount);
    expect(provider.calls).toHaveLength(answered);
  });

  it("does nothing until it is used: a store is opened by the first call", async () => {
    let opened = 0;
    const store = {
      load: () => {
        opened += 1;
        return [];
      },
      write: async (take: () => unknown) => void take(),
      close: async () => {},
    };
    const budget = create({ store });
    const writer = budget.for({ agent: "writer" }, { limit: "$0.01" });
    expect(opened).toBe(0);
    await writer.balance();
    expect(opened).toBe(1);
  });

  it("guards whatever else spends", async () => {
    const budget = create();
    const request = { estimate: usd("0.02"), action: { kind: "tool.search" } };
    const { settlement } = await withReservation(budget, request, () => "found", { spend: () => usd("0.01") });
    expect(settlement.status).toBe("committed");
    expect((await budget.balance()).spent).toEqual(usd("0.01"));
  });

  it("takes every kind of action: nobody but the program itself could declare one", async () => {
    const budget = create();
    const request = { estimate: usd("0.02"), action: { kind: "custom.acme.launch" } };
    await withReservation(budget, request, ({ spend }) => spend(usd("0.01")));
    expect(formatAmount((await budget.balance()).spent)).toBe("$0.01");
  });

  it("gives a part of the application a budget of its own within it", async () => {
    const budget = create();
    const writer = budget.for({ agent: "writer" }, { limit: "$0.02" });
    await spendAll(writer);
    const own = await writer.balance();
    expect(own.limit).toEqual(usd("0.02"));
    expect(own.spent).toEqual(provider.bill);
    await ask(budget.for({ agent: "reader" }));
    expect((await budget.balance()).spent).toEqual(provider.bill);
    expect((await writer.balance()).spent).toEqual(own.spent);
  });

  it("keeps the hold of a call that is under way for hours, so that no other call gets its money", async () => {
    const clock = createManualClock(Date.parse("2026-03-29T20:00:00Z"));
    let answer = (): void => {};
    const slow: typeof fetch = async (...args) => {
      await new Promise<void>((resolve) => (answer = resolve));
      return provider.fetch(...args);
    };
    const budget = create({
      limit: "$0.012",
      clock,
      fetch: slow,
      waitMs: 0,
      longestMs: 90_000_000,
      idleMs: 90_000_000,
    });
    const first = ask(budget);
    for (let minute = 0; minute < 12 * 60; minute += 1) {
      await clock.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await budget.balance()).reserved.amount).toBeGreaterThan(0n);
    await expect(ask(budget)).rejects.toSatisfy((error) => denialOf(error)?.isHeld === true);
    answer();
    await first;
    expect((await budget.balance()).spent).toEqual(provider.bill);
  });

  it("begins anew each day of its time zone", async () => {
    const clock = createManualClock(Date.parse("2026-03-29T20:00:00Z"));
    const budget = create({ every: "day", timeZone: "Europe/Berlin", clock });
    await spendAll(budget);
    await clock.advance(60 * 60_000);
    await expect(ask(budget)).rejects.toThrow();
    // Midnight in Berlin, in summer time.
    await clock.advance(61 * 60_000);
    await ask(budget);
    expect((await budget.balance()).limit).toEqual(usd("0.05"));
  });

  it("keeps its books in a store, and takes over a limit that was changed", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "imprest-budget-")), "budget.sqlite");
    const first = createBudget({ limit: "$0.02", prices, fetch: provider.fetch, store: sqliteStore({ file }) });
    await spendAll(first);
    const { spent } = await first.balance();
    await first.close();
    const second = create({ limit: "$0.04", store: sqliteStore({ file }) });
    expect(await second.balance()).toMatchObject({ spent, limit: usd("0.04") });
    await ask(second);
    await second.close();
    const third = create({ limit: "$0.01", store: sqliteStore({ file }) });
    await expect(ask(third)).rejects.toThrow();
    expect((await third.balance()).remaining.amount).toBeLessThan(0n);
  });

  it("starts nothing while the store holds another kind of budget", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "imprest-budget-")), "budget.sqlite");
    const first = createBudget({ limit: "$1", prices, store: sqliteStore({ file }) });
    await first.balance();
    await first.close();
    const daily = create({ limit: "$1", every: "day", store: sqliteStore({ file }) });
    await expect(daily.balance()).rejects.toThrow("another store");
    await expect(ask(daily)).rejects.toThrow();
    expect(provider.calls).toEqual([]);
  });

  it("is refused where the store has another kind of period", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "imprest-budget-")), "budget.sqlite");
    const open = (every: "day" | "month", timeZone?: string) =>
      create({ limit: "$1", every, timeZone, store: sqliteStore({ file }) });
    const first = open("day", "Europe/Berlin");
    await first.balance();
    await first.close();
    for (const [every, timeZone] of [["month", "Europe/Berlin"], ["day"]] as const) {
      const other = open(every, timeZone);
      await expect(other.balance()).rejects.toThrow("begins anew each day of Europe/Berlin");
      await other.close();
    }
    const same = open("day", "Europe/Berlin");
    expect((await same.balance()).limit).toEqual(usd("1"));
  });

  it("stops the calls of a part whose limit was refused, until the limit is given right, and no other", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "imprest-budget-")), "budget.sqlite");
    const before = create({ store: sqliteStore({ file }) });
    await ask(before.for({ agent: "writer" }, { limit: "$0.02", every: "day" }));
    await before.close();
    const budget = create({ store: sqliteStore({ file }) });
    const writer = budget.for({ agent: "Writer" }, { limit: "$0.02" });
    await expect(ask(writer)).rejects.toThrow();
    await expect(ask(budget, { "imprest-agent": "writer" })).rejects.toThrow();
    await expect(writer.balance()).rejects.toThrow("begins anew each day");
    expect(provider.calls).toHaveLength(1);
    await ask(budget);
    await ask(budget.for({ agent: "reader" }));
    await ask(budget.for({ agent: "writer" }, { limit: "$0.02", every: "day" }));
    await ask(writer);
    expect(provider.calls).toHaveLength(5);
  });

  it("answers nothing once it is closed, though it was never used", async () => {
    const budget = create();
    await budget.close();
    await expect(budget.balance()).rejects.toThrow("closed");
    await expect(ask(budget)).rejects.toThrow();
    expect(provider.calls).toEqual([]);
  });

  it.each<[string, () => unknown, string]>([
    ["an option that there is not", () => createBudget({ limit: "$1", prices, limt: "$2" } as never), "limt"],
    ["no prices", () => createBudget({ limit: "$1" } as never), "prices is missing"],
    ["a zone without a period", () => createBudget({ limit: "$1", prices, timeZone: "UTC" }), "every"],
    ["a misspelt level", () => create().for({ agnt: "w" } as never, { limit: "$1" }), "agnt"],
    ["an event that there is not", () => create().on("thresold" as never, () => {}), "thresold"],
  ])("refuses %s by name", (_what, make, name) => {
    expect(make).toThrow(name);
  });

  it.each([[99.5], [0], [Number.NaN]])("refuses a threshold of %s", (threshold) => {
    expect(() => createBudget({ limit: "$1", prices, thresholds: [threshold] })).toThrow("thresholds");
  });

  it.each<[string, object]>([
    ["no amount", { limit: "five dollars" }],
    ["a number", { limit: 5 }],
    ["no prices", { prices: { "gpt-5": { input: "free" } } }],
  ])("is refused at once for a limit or prices that are %s", (_what, options) => {
    expect(() => createBudget({ limit: "$1", prices, ...options })).toThrow(/amount|no decimal/);
  });

  it("emits what was denied and settled, and each threshold once", async () => {
    const budget = create({ thresholds: [50, 90] });
    const heard: string[] = [];
    budget.on("threshold", ({ threshold }) => heard.push(`${threshold} %`));
    budget.on("denied", ({ reasonCode, action }) => heard.push(`${reasonCode} ${action.name}`));
    let settled = 0;
    const stop = budget.on("settled", () => (settled += 1));
    const answered = await spendAll(budget);
    stop();
    expect(settled).toBe(answered);
    expect(heard.filter((event) => event.endsWith("%"))).toEqual(["50 %", "90 %"].slice(0, heard.length - 1));
    expect(heard.at(-1)).toBe("BUDGET_EXCEEDED gpt-5");
  });

  it("names who was denied, whichever helper asked", async () => {
    const budget = create();
    const writer = budget.for({ workflow: "report" }).for({ agent: "writer" }, { limit: "$0.01" });
    const denied: unknown[] = [];
    budget.on("denied", ({ subject }) => denied.push(subject));
    const request = { estimate: usd("0.02"), action: { kind: "tool.search" } };
    await expect(withReservation(writer, request, () => expect.unreachable())).rejects.toThrow("Nothing was started");
    await expect(spendAll(writer)).resolves.toBeGreaterThanOrEqual(0);
    await expect(withReservation(budget, { ...request, estimate: usd(1) }, () => {})).rejects.toThrow();
    const whose = { workflow: "report", agent: "writer" };
    expect(denied).toEqual([whose, whose, undefined]);
  });

  it("sets the work of others back for no listener that throws", async () => {
    const budget = create();
    for (const name of ["threshold", "denied", "settled"] as const satisfies readonly (keyof BudgetEvents)[]) {
      budget.on(name, () => {
        throw new Error("a listener failed");
      });
    }
    await spendAll(budget);
    expect((await budget.balance()).spent).toEqual(provider.bill);
  });

  it("waits for what is not in the books yet", async () => {
    const budget = create();
    await ask(budget);
    expect(await budget.flush()).toEqual({ pending: 0 });
  });
});

describe("connectBudget", () => {
  async function connected() {
    const embedded = createEmbeddedAuthority();
    onTestFinished(() => embedded.close());
    await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.05") });
    await embedded.budgets.create({ scope: { tenant: "acme", agent: "writer" }, allocated: usd("0.015") });
    const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
    const baseUrl = "https://authority.example";
    const client = new CyclesClient({ baseUrl, apiKey, transport: transportTo(embedded), subject: { tenant: "acme" } });
    return connectBudget(client, { prices, fetch: provider.fetch, thresholds: [50] });
  }

  it("is the same program over a Cycles server", async () => {
    const budget = await connected();
    await spendAll(budget);
    await budget.flush();
    const { limit, spent, reserved } = await budget.balance();
    expect({ limit, spent, reserved }).toEqual({ limit: usd("0.05"), spent: provider.bill, reserved: usd(0) });
  });

  it("spends a part's own budget, by subject or by header", async () => {
    const budget = await connected();
    const writer = budget.for({ agent: "writer" });
    await ask(budget, { "imprest-agent": "writer" });
    expect((await writer.balance()).spent).toEqual(provider.bill);
    const request = { estimate: usd("0.02"), action: { kind: "tool.search" } };
    await expect(withReservation(writer, request, () => expect.unreachable())).rejects.toThrow("Nothing was started");
  });

  it("takes no limit for a part: it would be no limit", async () => {
    const budget: { for(subject: object, limit: object): unknown } = await connected();
    expect(() => budget.for({ agent: "writer" }, { limit: "$0.01" })).toThrow("where the budget is kept");
  });

  it("emits denials and settlements", async () => {
    const budget = await connected();
    const heard: string[] = [];
    for (const name of ["threshold", "denied", "settled"] as const) budget.on(name, () => heard.push(name));
    await spendAll(budget);
    await vi.waitFor(() => expect(new Set(heard)).toEqual(new Set(["settled", "denied", "threshold"])));
  });
});
