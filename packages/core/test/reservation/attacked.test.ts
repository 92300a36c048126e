import {
  type Attempt,
  type Reservation,
  SettlementError,
  type SettlementInstruction,
  memoryRecordStore,
  openReservation,
  settlementQueue,
  silentLogger,
  withReservation,
  withReservationStream,
} from "@imprest/core";
import { type FakeAuthority, committed, fakeAuthority } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { cents, committedAmounts, request } from "./fixtures.ts";

// What an attacker found: the ledger plus the dead letters is what was paid, whatever a body, a callback or an authority does.

const lost = () => ({ retry: new Error("reset") });

async function letters(authority: FakeAuthority) {
  await settlementQueue(authority).flush({ timeoutMs: 1_000 });
  const found = [];
  for await (const { kind, spent } of settlementQueue(authority).deadLetters.list()) found.push([kind, spent?.amount]);
  return found;
}

it("a settlement is never recovered by an authority whose target is the beginning of another's", async () => {
  const records = memoryRecordStore();
  const long = { ...fakeAuthority({ records, settle: [lost] }), target: "https://h:8443" };
  const settle = async (instruction: SettlementInstruction) => long.settle(instruction);
  const prepare: FakeAuthority["prepare"] = (...args) => ({ ...fakeAuthority().prepare(...args), target: long.target });
  const other = { ...long, settle, prepare };
  await withReservation(other, request, () => 1, { spend: () => cents(1) });
  await settlementQueue(other).close({ timeoutMs: 0 });
  const short = { ...fakeAuthority({ records }), target: "https://h" };
  expect(await settlementQueue(short).recover()).toEqual({ resumed: 0, malformed: 0 });
  expect(short.calls).toEqual([]);
});

it("a reservation of which a spend was stated is not exported: the books would lose it", async () => {
  const reservation = await openReservation(fakeAuthority(), request);
  reservation.spend(cents(1));
  expect(() => reservation.export()).toThrow(SettlementError);
});

it("a logger that throws keeps no letter from being written and no settlement from ending", async () => {
  const fail = (): never => {
    throw new Error("logger down");
  };
  const logger = { ...silentLogger, warn: fail, error: fail };
  const authority = fakeAuthority({ environment: { logger }, settle: [() => ({ rejected: new Error("no") })] });
  const { settlement } = await withReservation(authority, request, () => 1, { spend: () => cents(3) });
  expect(settlement.status).toBe("rejected");
  expect(await letters(authority)).toEqual([["refused", cents(3).amount]]);
});

describe("what is stated after the end is added up, once", () => {
  it("beside a refused commit", async () => {
    const authority = fakeAuthority({ settle: [() => ({ rejected: new Error("no") })] });
    const reservation = await openReservation(authority, request);
    await reservation.commit(cents(3));
    for (const total of [5, 6]) expect(() => reservation.spend(cents(total))).toThrow(SettlementError);
    expect((await letters(authority)).toSorted((one, other) => String(one).localeCompare(String(other)))).toEqual([
      ["late", cents(3).amount],
      ["refused", cents(3).amount],
    ]);
  });

  it("beside what nested reservations were charged within it", async () => {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, { ...request, estimate: cents(9) });
    await withReservation(authority, request, () => 1, { parent, nest: "within", spend: () => cents(2) });
    await parent.commit(cents(3));
    expect(() => parent.spend(cents(4))).toThrow(SettlementError);
    expect(committedAmounts(authority)).toEqual(['{"amount":5000000,"basis":"actual"}']);
    expect(await letters(authority)).toEqual([["late", cents(1).amount]]);
  });
});

describe("a callback that settles by itself", () => {
  it.each<[string, (reservation: Reservation) => unknown]>([
    ["commits", (reservation) => reservation.commit(cents(1))],
    ["releases", (reservation) => reservation.release()],
  ])("%s: one settlement leaves", async (_what, end) => {
    const authority = fakeAuthority();
    let handle: Reservation | undefined;
    const partial = () => {
      if (handle) Promise.resolve(end(handle)).catch(() => {});
      return cents(2);
    };
    const run = withReservation(
      authority,
      request,
      (reservation) => {
        handle = reservation;
        throw new Error("boom");
      },
      { partial },
    );
    await expect(run).rejects.toThrow("boom");
    await settlementQueue(authority).flush({ timeoutMs: 1_000 });
    expect(authority.settled).toHaveLength(1);
  });
});

it("a price that never comes does not hold a stream beyond its longest life", async () => {
  const authority = fakeAuthority();
  async function* chunks(): AsyncGenerator<number> {
    yield 1;
  }
  const never = () => new Promise<undefined>(() => {});
  const stream = withReservationStream(authority, request, chunks, {
    spend: never,
    longestMs: 5_000,
    partial: "estimate",
  });
  const reading = stream[Symbol.asyncIterator]()
    .next()
    .catch(() => {});
  await authority.clock.advance(5_000);
  expect(await stream.settlement).toMatchObject({ status: "committed", basis: "estimate" });
  await reading;
});

it.each<[string, unknown]>([
  ["null", null],
  ["nothing", undefined],
  ["an empty settlement", { settled: null }],
  ["an empty next", { next: null }],
  ["an empty refusal", { rejected: null }],
])("an authority whose settle returns %s is asked again, and the settlement ends", async (_what, attempt) => {
  const authority = fakeAuthority({ settle: [() => attempt as Attempt, committed] });
  const { settlement } = await withReservation(authority, request, () => 1, { spend: () => cents(1) });
  expect(settlement.status).toBe("pending");
  await authority.clock.advance(60_000);
  expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
});

it.each<[string, object]>([
  ["a denial", { decision: "DENY" }],
  ["an amount in text", { reserved: { unit: "USD_MICROCENTS", amount: "20" } }],
  ["no amount", { reserved: null }],
  ["no caps", { caps: null }],
  ["a cap without a name", { caps: [null] }],
])("a grant with %s never runs the body, and is given back", async (_what, grant) => {
  const authority = fakeAuthority({ reserve: [() => grant] });
  const run = withReservation(authority, request, () => expect.unreachable());
  await expect(run).rejects.toThrow("cannot be used");
  await settlementQueue(authority).flush({ timeoutMs: 1_000 });
  expect(authority.calls).toEqual(["reserve", "release"]);
});

it.each([0, -1, Number.NaN, null])("a limit of %o is refused before anything is reserved", async (idleMs) => {
  const authority = fakeAuthority();
  const options = { idleMs: idleMs as number };
  expect(() =>
    withReservationStream(authority, request, async function* () {}, options)[Symbol.asyncIterator](),
  ).toThrow("idleMs");
  expect(() => settlementQueue({ ...authority, environment: { retries: { firstDelayMs: idleMs as number } } })).toThrow(
    "retries.firstDelayMs",
  );
  expect(authority.calls).toEqual([]);
});
