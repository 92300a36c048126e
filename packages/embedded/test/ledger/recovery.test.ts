import { tokens } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { LedgerUnavailableError, createEmbeddedAuthority } from "../../src/index.ts";
import { admitEvery } from "../../src/ledger/admit.ts";
import { Journal } from "../../src/ledger/journal.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { createBudget } from "../../src/ledger/operator.ts";
import { LedgerState } from "../../src/ledger/state.ts";
import { FakeClock, MapStore, WireCaller } from "../support.ts";

const scope = { tenant: "acme", agent: "bot" };
const action = { kind: "test" };
const huge = 9_007_199_254_740_993n;

describe("a ledger over a store", () => {
  it("opens as it was: budgets, reservations, settlements, keys and their replays, exact beyond 2^53", async () => {
    const clock = new FakeClock();
    const store = new MapStore();
    const ledger = new Ledger({ clock, store });
    ledger.createBudget({ scope, allocated: tokens(huge), overdraftLimit: tokens(5) });
    const reserve = { tenant: "acme", subject: scope, action, estimate: tokens(100), metadata: { note: "n" } };
    const active = ledger.reserve({ ...reserve, idempotencyKey: "a" });
    const done = ledger.reserve({ ...reserve, idempotencyKey: "b" });
    const commit = {
      tenant: "acme",
      reservationId: done.reservation?.id ?? "",
      idempotencyKey: "c",
      actual: tokens(60),
    };
    const committed = ledger.commit({ ...commit, metadata: { late: true } });
    const event = { tenant: "acme", idempotencyKey: "e", subject: scope, action, actual: tokens(7) };
    const booked = ledger.recordEvent(event);
    const dry = ledger.dryRun({ ...reserve, idempotencyKey: "d" });
    const funding = { scope, amount: tokens(9), idempotencyKey: "f" };
    const funded = ledger.fundBudget(funding);
    const extension = { tenant: "acme", reservationId: active.reservation?.id ?? "", idempotencyKey: "x", byMs: 5_000 };
    const extended = ledger.extend(extension);
    const balance = ledger.getBudget({ scope, unit: "TOKENS" });
    const listed = ledger.listReservations({ tenant: "acme" });
    await ledger.close();

    const again = new Ledger({ clock, store: new MapStore(store.disk) });
    expect(again.getBudget({ scope, unit: "TOKENS" })).toEqual(balance);
    expect(again.reserve({ ...reserve, idempotencyKey: "a" })).toEqual(active);
    expect(again.commit({ ...commit, metadata: { late: true } })).toEqual(committed);
    expect(again.recordEvent(event)).toEqual(booked);
    expect(again.dryRun({ ...reserve, idempotencyKey: "d" })).toEqual(dry);
    expect(again.fundBudget(funding)).toEqual(funded);
    expect(again.extend(extension)).toEqual(extended);
    expect(again.listReservations({ tenant: "acme" })).toEqual(listed);
    expect(again.getBudget({ scope, unit: "TOKENS" })).toEqual(balance);

    clock.advance(70_001);
    expect(again.getBudget({ scope, unit: "TOKENS" }).reserved).toBe(0n);
  });

  it("acknowledges nothing before it is durable, and lets concurrent requests share a write", async () => {
    const store = new MapStore();
    const authority = createEmbeddedAuthority({ store });
    await authority.budgets.create({ scope, allocated: tokens(1_000) });
    const { key } = await authority.apiKeys.create({ tenant: "acme" });
    const caller = new WireCaller(authority, key);
    const writes = store.writes;
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        const body = { idempotency_key: `k${at}`, subject: scope, action: { kind: "k", name: "n" } };
        const answer = await caller.post("/v1/reservations", { ...body, estimate: { unit: "TOKENS", amount: 1 } });
        expect([...store.disk.keys()]).toContain(`reservation/${String(answer.body["reservation_id"])}`);
        return answer.status;
      }),
    );
    expect(new Set(answers)).toEqual(new Set([200]));
    expect(store.writes - writes).toBeLessThan(10);
  });

  it("stores API keys as hashes only, and knows them again", async () => {
    const store = new MapStore();
    const authority = createEmbeddedAuthority({ store });
    await authority.budgets.create({ scope, allocated: tokens(1) });
    const { key } = await authority.apiKeys.create({ tenant: "acme" });
    expect([...store.disk].flat().join()).not.toContain(key);
    await authority.close();
    const again = createEmbeddedAuthority({ store: new MapStore(store.disk) });
    expect((await new WireCaller(again, key).get("/v1/balances?agent=bot")).status).toBe(200);
    const [listed] = await again.apiKeys.list("acme");
    await again.apiKeys.revoke(listed?.id ?? "");
    const third = createEmbeddedAuthority({ store: new MapStore(store.disk) });
    expect((await new WireCaller(third, key).get("/v1/balances?agent=bot")).status).toBe(401);
  });

  it("answers nothing any more once a write has failed: memory may be ahead of the disk", async () => {
    const store = new MapStore();
    const authority = createEmbeddedAuthority({ store });
    await authority.budgets.create({ scope, allocated: tokens(10) });
    store.failing = true;
    await expect(authority.budgets.fund({ scope, amount: tokens(1) })).rejects.toThrow(LedgerUnavailableError);
    store.failing = false;
    await expect(authority.budgets.get({ scope, unit: "TOKENS" })).rejects.toThrow(LedgerUnavailableError);
    const reopened = createEmbeddedAuthority({ store: new MapStore(store.disk) });
    expect((await reopened.budgets.get({ scope, unit: "TOKENS" })).allocated).toBe(10n);
  });

  it("refuses to open over an entry that it cannot read", () => {
    const disk = new Map([["reservation/rsv_1", "{"]]);
    expect(() => new Ledger({ store: new MapStore(disk) })).toThrow(LedgerUnavailableError);
  });

  it("forgets finished reservations and keys by number and by age, in memory and in the store", async () => {
    const clock = new FakeClock();
    const store = new MapStore();
    const retention = { finishedReservations: 3, idempotencyKeys: 2, forMs: 10_000 };
    const ledger = new Ledger({ clock, store, retention });
    ledger.createBudget({ scope, allocated: tokens(1_000) });
    for (let at = 0; at < 10; at += 1) {
      const request = { tenant: "acme", idempotencyKey: `k${at}`, subject: scope, action };
      const { reservation } = ledger.reserve({ ...request, estimate: tokens(1) });
      ledger.commit({ tenant: "acme", reservationId: reservation?.id ?? "", idempotencyKey: "c", actual: tokens(1) });
      ledger.decide({ ...request, estimate: tokens(1) });
    }
    await ledger.durable();
    const kinds = (): string[] => [...store.disk.keys()].map((key) => key.split("/")[0] ?? "").sort();
    expect(kinds()).toEqual(["budget", ...Array(2).fill("remembered"), ...Array(3).fill("reservation"), "tenant"]);
    clock.advance(10_001);
    expect(ledger.listReservations({ tenant: "acme" }).rows).toEqual([]);
    await ledger.durable();
    expect(kinds()).toEqual(["budget", "tenant"]);
  });
});

describe("a damaged ledger", () => {
  const open = async (): Promise<MapStore> => {
    const store = new MapStore();
    const ledger = new Ledger({ clock: new FakeClock(), store });
    ledger.createBudget({ scope, allocated: tokens(100) });
    ledger.reserve({ tenant: "acme", subject: scope, action, estimate: tokens(30), idempotencyKey: "r" });
    await ledger.close();
    return store;
  };

  const damage: readonly (readonly [string, (text: string) => string])[] = [
    ["less reserved than its reservations hold", (text) => text.replace('"reserved":30', '"reserved":0')],
    ["more reserved than its reservations hold", (text) => text.replace('"reserved":30', '"reserved":31')],
    ["less than nothing spent", (text) => text.replace('"spent":0', '"spent":-5')],
  ];
  it.each(damage)("is refused by the name of the budget: %s", async (_title, change) => {
    const { disk } = await open();
    const key = [...disk.keys()].find((one) => one.startsWith("budget/")) ?? "";
    const before = disk.get(key) ?? "";
    expect(change(before)).not.toBe(before);
    disk.set(key, change(before));
    const damaged = new MapStore(disk);
    expect(() => new Ledger({ clock: new FakeClock(), store: damaged })).toThrow(
      /damaged: tenant:acme\/agent:bot in TOKENS/,
    );
    expect(damaged.writes).toBe(0);
  });

  it("misses a reservation", async () => {
    const { disk } = await open();
    for (const key of disk.keys()) if (key.startsWith("reservation/")) disk.delete(key);
    expect(() => new Ledger({ store: new MapStore(disk) })).toThrow(LedgerUnavailableError);
  });

  it("is not written: books that would hold less than nothing stop the authority", async () => {
    const store = new MapStore();
    const journal = new Journal(store);
    const rules = { policy: undefined, admit: admitEvery, retention: {} };
    const bounds = { maxExtensions: 1, maxMetadataBytes: 1, active: { reservations: 1, metadataBytes: 1 } };
    const state = new LedgerState({
      clock: new FakeClock(),
      journal,
      overdraft: "overage",
      overagePolicy: "ALLOW_IF_AVAILABLE",
      ...rules,
      ...bounds,
    });
    createBudget(state, { scope, allocated: tokens(100) });
    await journal.durable();
    const written = new Map(store.disk);
    const budget = state.tenants.get("acme")?.budgets.get("tenant:acme/agent:bot")?.get("TOKENS");
    if (budget === undefined) throw new Error("There is no budget.");
    budget.reserved = -1n;
    expect(() => state.budgetChanged(budget)).toThrow("less than nothing");
    expect(() => state.begin()).toThrow(LedgerUnavailableError);
    await expect(journal.durable()).rejects.toThrow("less than nothing");
    expect(store.disk).toEqual(written);
  });
});
