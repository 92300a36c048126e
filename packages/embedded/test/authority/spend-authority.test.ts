import { getEventListeners } from "node:events";
import {
  AbortedError,
  AuthorityUnreachableError,
  type DeadLetter,
  type SettlementInstruction,
  TimeoutError,
  ValidationError,
  memoryRecordStore,
  settlementQueue,
  tokens,
  withReservation,
} from "@imprest/core";
import { instructionKey, writeInstruction } from "@imprest/core/internal";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type EmbeddedAuthority, type LedgerSpendAuthority, createEmbeddedAuthority } from "../../src/index.ts";
import { FakeClock, MapStore } from "../support.ts";

const scope = { tenant: "acme" };
const request = { estimate: tokens(100), action: { kind: "llm.completion", name: "gpt-5" } };
let store: MapStore;
let clock: FakeClock;
let embedded: EmbeddedAuthority;
let authority: LedgerSpendAuthority;

beforeEach(async () => {
  store = new MapStore();
  clock = new FakeClock();
  embedded = createEmbeddedAuthority({ clock, store });
  await embedded.budgets.create({ scope, allocated: tokens(1_000) });
  authority = embedded.authority({ tenant: "acme" });
});

const reserved = async (): Promise<bigint> => (await embedded.budgets.get({ scope, unit: "TOKENS" })).reserved;

describe("the in-process authority", () => {
  it("reserves nothing for a caller who has aborted", async () => {
    const signal = AbortSignal.abort();
    await expect(authority.reserve(request, { idempotencyKey: "k", signal })).rejects.toThrow(AbortedError);
    expect(await reserved()).toBe(0n);
  });

  it("rejects when the caller aborts while a reserve is being written; its key finds it again", async () => {
    const controller = new AbortController();
    const pending = authority.reserve(request, { idempotencyKey: "k", signal: controller.signal });
    controller.abort();
    await expect(pending).rejects.toThrow(AbortedError);
    const grant = await authority.reserve(request, { idempotencyKey: "k" });
    expect(store.disk.has(`reservation/${grant.id}`)).toBe(true);
    expect(await reserved()).toBe(100n);
  });

  it("waits for a store that hangs no longer than timeoutMs, and leaves no timer", async () => {
    const grant = await authority.reserve(request, { idempotencyKey: "k" });
    const spend = { amount: tokens(60), basis: "actual" } as const;
    const instruction = authority.prepare(grant, { kind: "commit", spend }, { idempotencyKey: "s", recordedAtMs: 0 });
    const timers = clock.timers;
    store.hanging = true;
    const options = { timeoutMs: 250 };
    const calls = [
      authority.reserve(request, { idempotencyKey: "k2", ...options }),
      authority.decide(request, options),
      authority.extend(grant, { ms: 1_000, idempotencyKey: "e" }, options),
      authority.settle(instruction, options),
    ].map((call) => call.catch((error: unknown) => error));
    clock.advance(250);
    const [reserving, deciding, extending, settled] = await Promise.all(calls);
    for (const error of [reserving, deciding, extending]) expect(error).toBeInstanceOf(TimeoutError);
    expect(settled).toEqual({ retry: expect.any(TimeoutError) as TimeoutError });
    expect(clock.timers).toBe(timers);
  });

  it("an abort while it waits leaves no timer and no listener", async () => {
    const timers = clock.timers;
    store.hanging = true;
    const controller = new AbortController();
    const { signal } = controller;
    const pending = authority.decide(request, { signal, timeoutMs: 250 });
    controller.abort();
    await expect(pending).rejects.toThrow(AbortedError);
    expect(clock.timers).toBe(timers);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it.each([0, -5, Number.NaN])("refuses a deadline of %d before anything is done", async (timeoutMs) => {
    await expect(authority.reserve(request, { idempotencyKey: "k", timeoutMs })).rejects.toThrow(ValidationError);
    expect(await reserved()).toBe(0n);
  });

  it("does not repeat an event that the ledger may have forgotten; every event it repeats is charged once", async () => {
    const retention = { idempotencyKeys: 2 };
    const small = createEmbeddedAuthority({ clock, retention });
    await small.budgets.create({ scope, allocated: tokens(1_000) });
    const records = memoryRecordStore();
    const first = small.authority({ tenant: "acme", records });
    const grant = await first.reserve({ ...request, ttlMs: 1_000 }, { idempotencyKey: "k" });
    clock.advance(10_000);
    const late = async (idempotencyKey: string): Promise<SettlementInstruction> => {
      const stamp = { idempotencyKey, recordedAtMs: clock.now() };
      const spend = { amount: tokens(1), basis: "actual" } as const;
      const attempt = await first.settle(first.prepare(grant, { kind: "commit", spend }, stamp));
      if (!("next" in attempt)) throw new Error("the reservation has expired, so an event is next");
      expect(await first.settle(attempt.next)).toMatchObject({ settled: { status: "recorded" } });
      clock.advance(1_000);
      return attempt.next;
    };
    // Four events were booked, and a crash has kept the records of the first and the last.
    const instructions = [await late("a"), await late("b"), await late("c"), await late("d")];
    for (const instruction of [instructions[0], instructions[3]]) {
      if (instruction) await records.create(instructionKey(instruction), writeInstruction(instruction));
    }
    const successor = settlementQueue(small.authority({ tenant: "acme", records }));
    await successor.recover();
    await vi.waitFor(async () => {
      const letters: DeadLetter[] = [];
      for await (const letter of successor.deadLetters.list()) letters.push(letter);
      expect(letters).toMatchObject([{ kind: "too-old", reservationId: grant.id }]);
      expect(successor.pending).toBe(0);
    });
    expect(await small.budgets.get({ scope, unit: "TOKENS" })).toMatchObject({ spent: 4n });
  });

  it("is unreachable, and nothing runs, once its store has failed", async () => {
    store.failing = true;
    let ran = false;
    const call = withReservation(authority, request, () => {
      ran = true;
    });
    await expect(call).rejects.toThrow(AuthorityUnreachableError);
    expect(ran).toBe(false);
  });

  it("keeps a settlement that it could not acknowledge, and a reopened authority finishes it once", async () => {
    const grant = await authority.reserve(request, { idempotencyKey: "k" });
    const spend = { amount: tokens(60), basis: "actual" } as const;
    const stamp = { idempotencyKey: "s", recordedAtMs: 0 };
    const instruction = JSON.parse(
      JSON.stringify(authority.prepare(grant, { kind: "commit", spend }, stamp)),
    ) as ReturnType<typeof authority.prepare>;
    store.failing = true;
    expect(await authority.settle(instruction)).toMatchObject({ retry: { errorCode: "INTERNAL_ERROR", status: 500 } });

    const reopened = createEmbeddedAuthority({ clock: new FakeClock(), store: new MapStore(store.disk) });
    const successor = reopened.authority({ tenant: "acme" });
    expect(successor.target).toBe(instruction.target);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await successor.settle(instruction)).toMatchObject({
        settled: { status: "committed", charged: tokens(60), refunded: tokens(40) },
      });
    }
    expect(await reopened.budgets.get({ scope, unit: "TOKENS" })).toMatchObject({ spent: 60n, reserved: 0n });
  });

  it("copies what it keeps: changing the metadata afterwards changes no book", async () => {
    const metadata = { nested: { note: "first" } };
    const grant = await authority.reserve({ ...request, metadata }, { idempotencyKey: "k" });
    metadata.nested.note = "second";
    expect(store.disk.get(`reservation/${grant.id}`)).toContain("first");
    await expect(authority.reserve({ ...request, metadata }, { idempotencyKey: "k" })).rejects.toMatchObject({
      errorCode: "IDEMPOTENCY_MISMATCH",
    });
  });

  it("refuses what JSON cannot carry, before anything is reserved", async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    for (const metadata of [{ f: () => 1 }, { n: Number.NaN }, cyclic]) {
      const call = authority.reserve({ ...request, metadata }, { idempotencyKey: "k" });
      await expect(call).rejects.toThrow(ValidationError);
    }
    expect(await reserved()).toBe(0n);
  });

  it("leaves no record behind once a call is settled", async () => {
    const records = memoryRecordStore();
    const kept = embedded.authority({ tenant: "acme", records });
    const { settlement } = await withReservation(kept, request, (reservation) => reservation.spend(tokens(70)));
    expect(settlement).toMatchObject({ status: "committed", charged: tokens(70) });
    expect(await embedded.budgets.get({ scope, unit: "TOKENS" })).toMatchObject({ spent: 70n, reserved: 0n });
    const left: string[] = [];
    for await (const { key } of records.scan("")) left.push(key);
    expect(left).toEqual([]);
  });
});
