import {
  AbortedError,
  AuthorityUnreachableError,
  ValidationError,
  memoryRecordStore,
  tokens,
  withReservation,
} from "@imprest/core";
import { beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedAuthority, type LedgerSpendAuthority, createEmbeddedAuthority } from "../src/index.ts";
import { FakeClock, MapStore } from "./support.ts";

const scope = { tenant: "acme" };
const request = { estimate: tokens(100), action: { kind: "llm.completion", name: "gpt-5" } };
let store: MapStore;
let embedded: EmbeddedAuthority;
let authority: LedgerSpendAuthority;

beforeEach(async () => {
  store = new MapStore();
  embedded = createEmbeddedAuthority({ clock: new FakeClock(), store });
  await embedded.createBudget({ scope, allocated: tokens(1_000) });
  authority = embedded.authority({ tenant: "acme" });
});

const reserved = async (): Promise<bigint> => (await embedded.getBudget({ scope, unit: "TOKENS" })).reserved;

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
    const settling = JSON.parse(
      JSON.stringify(authority.prepare(grant, { kind: "commit", spend }, stamp)),
    ) as ReturnType<typeof authority.prepare>;
    store.failing = true;
    expect(await authority.settle(settling)).toMatchObject({ retry: { errorCode: "INTERNAL_ERROR", status: 500 } });

    const reopened = createEmbeddedAuthority({ clock: new FakeClock(), store: new MapStore(store.disk) });
    const successor = reopened.authority({ tenant: "acme" });
    expect(successor.target).toBe(settling.target);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await successor.settle(settling)).toMatchObject({
        settled: { status: "committed", charged: tokens(60), refunded: tokens(40) },
      });
    }
    expect(await reopened.getBudget({ scope, unit: "TOKENS" })).toMatchObject({ spent: 60n, reserved: 0n });
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
    expect(await embedded.getBudget({ scope, unit: "TOKENS" })).toMatchObject({ spent: 70n, reserved: 0n });
    const left: string[] = [];
    for await (const { key } of records.scan("")) left.push(key);
    expect(left).toEqual([]);
  });
});
