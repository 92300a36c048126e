import {
  ConnectionError,
  type DeadLetter,
  type SettlementInstruction,
  memoryRecordStore,
  openReservation,
  settlementQueue,
  silentLogger,
  withReservation,
} from "@imprest/core";
import { shareOutbox } from "@imprest/core/internal";
import { type FakeAuthorityOptions, committed, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, recordKeys, request } from "../reservation/fixtures.ts";

const lost = () => ({ retry: new Error("reset") });
const refused = () => ({ rejected: new Error("no") });
const spendOne = { spend: () => cents(1), idempotencyKey: "k" };

async function letters(authority: ReturnType<typeof fakeAuthority>): Promise<DeadLetter[]> {
  const found: DeadLetter[] = [];
  for await (const letter of settlementQueue(authority).deadLetters.list()) found.push(letter);
  return found;
}

async function spending(options: FakeAuthorityOptions = {}) {
  const error = vi.fn();
  const authority = fakeAuthority({
    ...options,
    environment: { ...options.environment, logger: { ...silentLogger, error } },
  });
  const { settlement } = await withReservation(authority, request, () => 1, spendOne);
  return { authority, settlement, errors: error.mock.calls };
}

describe("wake() and flush()", () => {
  it.each(["wake", "flush"] as const)("%s sends what waits at once, and only once for it", async (how) => {
    const { authority } = await spending({ settle: [lost] });
    const queue = settlementQueue(authority);
    const flushed = how === "flush" ? queue.flush({ timeoutMs: 10 }) : queue.wake();
    await authority.clock.advance(10);
    await flushed;
    expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
    // The first wait would have ended after 250 ms; the second one takes 501.
    await authority.clock.advance(490);
    expect(authority.calls).toHaveLength(3);
    await authority.clock.advance(1);
    expect(authority.calls).toHaveLength(4);
  });

  it("flush of 0 ms looks and sends nothing", async () => {
    const { authority } = await spending({ settle: [lost] });
    const timers = authority.clock.timers;
    expect(await settlementQueue(authority).flush({ timeoutMs: 0 })).toEqual({ pending: 1 });
    await authority.clock.advance(0);
    expect(authority.calls).toEqual(["reserve", "commit"]);
    expect(authority.clock.timers).toBe(timers);
  });

  it("flush keeps the process alive for its time, and leaves no timer, listener or waiter behind", async () => {
    const { authority } = await spending({ settle: [lost, committed] });
    const setTimer = vi.spyOn(authority.clock, "setTimer");
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    const flushed = settlementQueue(authority).flush({ timeoutMs: 5_000, signal });
    expect(setTimer).toHaveBeenCalledWith(expect.any(Function), 5_000, true);
    await authority.clock.advance(1);
    expect(await flushed).toEqual({ pending: 0 });
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1]);
    expect(authority.clock.timers).toBe(0);
    const { onIdle } = Reflect.get(authority, Symbol.for("imprest.outbox")) as { readonly onIdle: Set<unknown> };
    expect(onIdle.size).toBe(0);
  });

  it("flush waits for records that go and letters that are written", async () => {
    const records = memoryRecordStore();
    const remove = records.delete.bind(records);
    let end = (): void => {};
    vi.spyOn(records, "delete").mockImplementation(
      (key) => new Promise((resolve) => (end = () => resolve(remove(key)))),
    );
    const { authority } = await spending({ records });
    let isFlushed = false;
    const flushed = settlementQueue(authority)
      .flush({ timeoutMs: 1_000 })
      .then(() => (isFlushed = true));
    await authority.clock.advance(10);
    expect(isFlushed).toBe(false);
    end();
    await flushed;
    expect(authority.clock.timers).toBe(0);
  });
});

describe("an operator's retry of a letter", () => {
  it("gives the settlement an age of its own, another one than its letter's", async () => {
    const { authority } = await spending({ settle: [refused] });
    const retry = async () => settlementQueue(authority).deadLetters.retry((await letters(authority))[0]?.id ?? "");
    const now = authority.clock.now();
    await retry();
    expect(authority.settled[1]).toMatchObject({ recordedAtMs: now + 1, notBeforeMs: 0 });
    await authority.clock.advance(5_000);
    await retry();
    expect(authority.settled[2]).toMatchObject({ recordedAtMs: now + 5_000 });
    // Refused again, its letter stands.
    expect(await letters(authority)).toMatchObject([{ kind: "refused", spent: cents(1) }]);
    expect(await recordKeys(authority.records, "settlement:")).toEqual([]);
  });

  it("sends what the authority had asked to wait for: the operator's word is newer", async () => {
    const records = memoryRecordStore();
    const { authority } = await spending({ records, settle: [refused, committed] });
    const [letter] = await letters(authority);
    const id = letter?.id ?? "";
    const found = await records.read(id);
    const damaged = { ...(letter?.instruction as SettlementInstruction), notBeforeMs: 9e12 };
    await records.replace(
      id,
      { ...(found?.value as object), instruction: { ...damaged } as never },
      found?.version ?? "",
    );
    await expect(settlementQueue(authority).deadLetters.retry(id)).resolves.toMatchObject({ status: "committed" });
    await settlementQueue(authority).flush({ timeoutMs: 1_000 });
    expect(await letters(authority)).toEqual([]);
  });

  it("of one that holds nothing to send says so, and that money was spent", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, request, () => 1, { idempotencyKey: "k" }).catch(() => {});
    const [letter] = await letters(authority);
    await expect(settlementQueue(authority).deadLetters.retry(letter?.id ?? "")).rejects.toMatchObject({
      name: "SettlementError",
      message: "The dead letter holds no settlement that could be sent; correct the books, then discard it.",
      spendHappened: true,
      reservationId: "rsv_1",
      idempotencyKey: "k",
    });
  });
});

describe("a record store that fails", () => {
  const facts = { protocol: "fake", reservationId: "rsv_1" };
  const logged = (error: string) => ["a settlement record could not be written", { reservationId: "rsv_1", error }];

  it.each<[unknown, object]>([
    [new Error("disk full"), new Error("disk full")],
    ["text", new Error("the record store failed", { cause: "text" })],
  ])("to forget a settled record: the call is settled, and it is emitted and logged: %o", async (thrown, error) => {
    const records = memoryRecordStore();
    vi.spyOn(records, "delete").mockRejectedValue(thrown);
    const { authority, settlement, errors } = await spending({ records });
    expect(settlement.status).toBe("committed");
    await settlementQueue(authority).flush({ timeoutMs: 1_000 });
    expect(authority.named("record-failure")).toEqual([{ ...facts, error }]);
    expect(authority.named("record-failure")[0]?.error.cause).toEqual((error as Error).cause);
    expect(errors).toEqual([logged((error as Error).message)]);
  });

  it("to write a letter is emitted and logged too, and nobody rejects", async () => {
    const records = memoryRecordStore();
    vi.spyOn(records, "create").mockRejectedValue(new Error("disk full"));
    const { authority, errors } = await spending({ records, settle: [refused] });
    // The record, then the letter.
    expect(authority.named("record-failure")).toEqual([1, 2].map(() => ({ ...facts, error: new Error("disk full") })));
    expect(errors.filter(([text]) => text === logged("")[0])).toEqual([logged("disk full"), logged("disk full")]);
  });

  it("to forget a letter leaves it, and says so", async () => {
    const records = memoryRecordStore();
    vi.spyOn(records, "delete").mockRejectedValue(new Error("disk full"));
    const unreachable = (): never => {
      throw new ConnectionError("refused");
    };
    const authority = fakeAuthority({ records, reserve: [unreachable] });
    const options = { failOpen: { reason: "test" }, idempotencyKey: "k" };
    const { settlement } = await withReservation(authority, request, ({ unspent }) => unspent(), options);
    expect(settlement.status).toBe("bypassed");
    expect(authority.named("record-failure")).toMatchObject([{ reservationId: "bypass-k" }]);
    expect(await letters(authority)).toHaveLength(1);
  });

  it("is nobody's business where nobody listens", async () => {
    const records = memoryRecordStore();
    for (const name of ["create", "delete"] as const) vi.spyOn(records, name).mockRejectedValue(new Error("disk full"));
    const base = fakeAuthority({ records, settle: [refused] });
    const authority = { ...base, environment: { records, clock: base.clock } };
    const reservation = await openReservation(authority, request);
    await expect(reservation.commit(cents(1))).resolves.toMatchObject({ status: "rejected" });
  });
});

describe("the queue of an authority", () => {
  it("has an observer where the authority was given none, and its settlements are heard of there", async () => {
    const { environment: _none, ...bare } = fakeAuthority();
    const { observer } = settlementQueue(bare);
    const heard = vi.fn();
    observer.on("settlement", heard);
    expect(settlementQueue(bare).observer).toBe(observer);
    await withReservation(bare, request, () => 1, spendOne);
    expect(heard).toHaveBeenCalledOnce();
  });

  it("is its own, not that of the authority it was derived from", async () => {
    const { authority } = await spending({ settle: [lost] });
    expect(settlementQueue(authority).pending).toBe(1);
    expect(settlementQueue(Object.create(authority) as typeof authority).pending).toBe(0);
  });

  it("is its owner's where an authority stands for one request of another", async () => {
    const owner = fakeAuthority({ settle: [lost] });
    const one = { ...owner };
    shareOutbox(one, owner);
    await withReservation(one, request, () => 1, spendOne);
    expect(settlementQueue(owner).pending).toBe(1);
  });
});
