import {
  type DeadLetter,
  type RecordValue,
  type SettlementInstruction,
  memoryRecordStore,
  settlementQueue,
  withReservation,
} from "@imprest/core";
import { committed, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, recordKeys, request } from "../reservation/fixtures.ts";

const spendOne = { spend: () => cents(1), idempotencyKey: "k" };
const lost = () => ({ retry: new Error("reset") });
const refused = () => ({ rejected: new Error("no") });
const commitKey = "settlement:fake:fake:test:rsv_1:k:commit:1000000";

const instruction = {
  protocol: "fake",
  target: "fake:test",
  reservationId: "rsv_1",
  idempotencyKey: "k",
  kind: "commit" as const,
  mode: "commit",
  body: "{}",
  recordedAtMs: 1_800_000_000_000,
  notBeforeMs: 0,
  spent: { unit: "USD_MICROCENTS", amount: "1000000" },
} satisfies SettlementInstruction;

async function letters(authority: ReturnType<typeof fakeAuthority>): Promise<DeadLetter[]> {
  const found: DeadLetter[] = [];
  for await (const letter of settlementQueue(authority).deadLetters.list()) found.push(letter);
  return found;
}

async function stored(records = memoryRecordStore()): Promise<Record<string, RecordValue>> {
  const found: Record<string, RecordValue> = {};
  for await (const { key, value } of records.scan("")) found[key] = value;
  return found;
}

/** Members that are undefined are none: a store of JSON would drop them. */
const exactly = (value: unknown, expected: unknown): void => expect(value).toStrictEqual(expected);

describe("the record of a settlement", () => {
  it("has its place by kind and amount, and every member that is there, and no other", async () => {
    const authority = fakeAuthority({ settle: [lost] });
    await withReservation(authority, request, () => 1, { ...spendOne, traceparent: "t" });
    await withReservation(authority, request, ({ unspent }) => unspent(), { idempotencyKey: "k2" });
    const { spent: _none, ...bare } = { ...instruction, idempotencyKey: "k3" };
    await settlementQueue(authority).submit(bare);
    await settlementQueue(authority).submit({ ...instruction, idempotencyKey: "k4", fallback: "late" });
    const common = { ...instruction, body: '{"amount":1000000,"basis":"actual"}' };
    const { spent: _spent, ...released } = common;
    exactly(await stored(authority.records), {
      [commitKey]: { ...common, traceparent: "t" },
      "settlement:fake:fake:test:rsv_2:k2:release": {
        ...released,
        reservationId: "rsv_2",
        idempotencyKey: "k2",
        kind: "release",
        mode: "release",
        body: '{"reason":"the guarded call said that nothing was spent"}',
      },
      "settlement:fake:fake:test:rsv_1:k3:commit:?": bare,
      "settlement:fake:fake:test:rsv_1:k4:commit:1000000": { ...instruction, idempotencyKey: "k4", fallback: "late" },
    });
  });

  it("costs one write and one deletion, and no reading", async () => {
    const records = memoryRecordStore();
    const spies = (["create", "read", "replace", "delete"] as const).map((name) => vi.spyOn(records, name));
    const authority = fakeAuthority({ records, settle: [lost, committed] });
    await withReservation(authority, request, () => 1, spendOne);
    await authority.clock.advance(60_000);
    expect(spies.map((spy) => spy.mock.calls.length)).toEqual([1, 0, 0, 1]);
  });

  const { spent: _spent, ...unstated } = instruction;
  it.each<[string, object]>([
    ["as it is written", instruction],
    ["a release", { ...unstated, kind: "release" }],
    ["without an amount", unstated],
    ["with a late path and a trace", { ...instruction, fallback: "", traceparent: "t" }],
    ["with a member of a later version", { ...instruction, more: 1 }],
  ])("%s is read again and sent as it was", async (_what, record) => {
    const records = memoryRecordStore();
    await records.create(commitKey, { ...record });
    const authority = fakeAuthority({ records });
    expect(await settlementQueue(authority).recover()).toEqual({ resumed: 1, malformed: 0 });
    await settlementQueue(authority).flush({ timeoutMs: 1_000 });
    expect(authority.settled).toEqual([record]);
    expect(await recordKeys(records, "")).toEqual([]);
  });

  const texts = ["protocol", "target", "reservationId", "idempotencyKey", "mode", "body"];
  it.each<[string, RecordValue]>([
    ["null", null],
    ["a list", [instruction]],
    ["a number", 7],
    ["text", "settlement"],
    ...texts.flatMap((name): [string, RecordValue][] => [
      [`${name} empty`, { ...instruction, [name]: "" }],
      [`${name} a number`, { ...instruction, [name]: 7 }],
      [`${name} absent`, { ...instruction, [name]: null }],
    ]),
    ["another kind", { ...instruction, kind: "steal" }],
    ["a late path that is no text", { ...instruction, fallback: 7 }],
    ["a trace that is no text", { ...instruction, traceparent: 7 }],
    ["an age in text", { ...instruction, recordedAtMs: "1" }],
    ["an age in parts", { ...instruction, recordedAtMs: 1.5 }],
    ["a not-before in text", { ...instruction, notBeforeMs: "1" }],
    ["an amount that is none", { ...instruction, spent: { unit: "USD", amount: "1.5" } }],
  ])("of %s is not sent: it becomes a letter that shows what was found", async (_what, value) => {
    const records = memoryRecordStore();
    await records.create("settlement:fake:fake:test:rsv_1:k", value);
    const authority = fakeAuthority({ records });
    expect(await settlementQueue(authority).recover()).toEqual({ resumed: 0, malformed: 1 });
    expect(authority.calls).toEqual([]);
    const reason = "The record is not a settlement that this version can read.";
    exactly(await stored(records), {
      "dead-letter:fake:fake:test:rsv_1:k::malformed": {
        kind: "malformed",
        protocol: "fake",
        target: "fake:test",
        reservationId: "rsv_1:k",
        idempotencyKey: "",
        recordedAtMs: authority.clock.now(),
        reason,
        found: value,
      },
    });
    expect(authority.named("dead-letter")).toMatchObject([{ error: { message: reason }, reservationId: "rsv_1:k" }]);
  });

  it("that cannot be read stays where it is while its letter cannot be written", async () => {
    const records = memoryRecordStore();
    await records.create("settlement:fake:fake:test:rsv_1:k", 7);
    vi.spyOn(records, "create").mockRejectedValue(new Error("disk full"));
    expect(await settlementQueue(fakeAuthority({ records })).recover()).toEqual({ resumed: 0, malformed: 1 });
    exactly(await stored(records), { "settlement:fake:fake:test:rsv_1:k": 7 });
  });

  it.each(["protocol", "target"] as const)("of another %s is left alone", async (name) => {
    const records = memoryRecordStore();
    await records.create(commitKey, { ...instruction, [name]: "other" });
    const authority = fakeAuthority({ records });
    expect(await settlementQueue(authority).recover()).toEqual({ resumed: 0, malformed: 0 });
    expect(await recordKeys(records, "")).toEqual([commitKey]);
  });

  it("is none of an authority that acknowledges nothing: none is written, and none is sent again", async () => {
    const records = memoryRecordStore();
    await records.create(commitKey, { ...instruction });
    const next = (sent: SettlementInstruction) => ({ next: { ...sent, mode: "event" } });
    const authority = fakeAuthority({ records, durable: false, settle: [next, committed] });
    expect(await settlementQueue(authority).recover()).toEqual({ resumed: 0, malformed: 0 });
    await withReservation(authority, request, () => 1, { spend: () => cents(2) });
    expect(authority.calls).toEqual(["reserve", "commit", "event"]);
    expect(await recordKeys(records, "")).toEqual([commitKey]);
  });

  it("follows the settlement's changes, though it could not be written at first", async () => {
    const records = memoryRecordStore();
    const create = vi.spyOn(records, "create").mockRejectedValueOnce(new Error("disk full"));
    const next = (sent: SettlementInstruction) => ({ next: { ...sent, mode: "event" } });
    const authority = fakeAuthority({ records, settle: [next, lost] });
    await withReservation(authority, request, () => 1, spendOne);
    expect(await stored(records)).toMatchObject({ [commitKey]: { mode: "event" } });
    expect(create).toHaveBeenCalledTimes(2);
    expect(authority.named("record-failure")).toHaveLength(1);
  });

  it("whose place is taken is written nowhere, not even when it changes", async () => {
    const records = memoryRecordStore();
    const other = { ...instruction, reservationId: "rsv_other" };
    await records.create(commitKey, other);
    const next = (sent: SettlementInstruction) => ({ next: { ...sent, mode: "event" } });
    const authority = fakeAuthority({ records, settle: [next, committed] });
    await withReservation(authority, request, () => 1, spendOne);
    expect(authority.named("record-failure")).toMatchObject([
      {
        protocol: "fake",
        reservationId: "rsv_1",
        error: new Error("the place of the record is taken by something else"),
      },
    ]);
    expect(authority.settled.map(({ reservationId }) => reservationId)).toEqual(["rsv_1", "rsv_1"]);
    exactly(await stored(records), { [commitKey]: other });
  });

  it("that another worker has changed meanwhile is written over, as often as it takes", async () => {
    const records = memoryRecordStore();
    const read = records.read.bind(records);
    const race = async (key: string) => {
      const found = await read(key);
      if (found) await records.replace(key, { ...instruction, mode: "raced" }, found.version);
      return found;
    };
    let races = 2;
    vi.spyOn(records, "read").mockImplementation((key) => (races-- > 0 ? race(key) : read(key)));
    const late = async (sent: SettlementInstruction) => (await race(commitKey), { next: { ...sent, mode: "event" } });
    const authority = fakeAuthority({ records, settle: [late, lost] });
    await withReservation(authority, request, () => 1, spendOne);
    expect(await stored(records)).toMatchObject({ [commitKey]: { mode: "event" } });
    expect(authority.named("record-failure")).toEqual([]);
    expect(races).toBeLessThan(0);
  });

  it("that another worker has settled stays gone, however often this one is told to wait", async () => {
    const records = memoryRecordStore();
    const wait = async () => {
      await records.delete(commitKey);
      return { retry: new Error("429"), notBeforeMs: authority.clock.now() + 1_000 };
    };
    const authority = fakeAuthority({ records, settle: [wait, wait, committed] });
    const remove = vi.spyOn(records, "delete");
    await withReservation(authority, request, () => 1, spendOne);
    await authority.clock.advance(1_000);
    expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
    expect(await recordKeys(records, "")).toEqual([]);
    await authority.clock.advance(1_000);
    // Only what the two answers deleted themselves.
    expect(remove).toHaveBeenCalledTimes(2);
  });
});

describe("a dead letter", () => {
  const place = "dead-letter:fake:fake:test:rsv_1:k:";

  it("of a refused commit has all that an operator needs to send it again", async () => {
    const authority = fakeAuthority({ settle: [refused] });
    await withReservation(authority, request, () => 1, spendOne);
    const sent = { ...instruction, body: '{"amount":1000000,"basis":"actual"}' };
    const common = {
      kind: "refused",
      protocol: "fake",
      target: "fake:test",
      reservationId: "rsv_1",
      idempotencyKey: "k",
      recordedAtMs: authority.clock.now(),
      reason: "no",
    };
    exactly(await stored(authority.records), {
      [`${place}spent:1000000`]: { ...common, spent: sent.spent, instruction: sent },
    });
    const [letter] = await letters(authority);
    expect(letter).toEqual({ ...common, id: `${place}spent:1000000`, spent: cents(1), instruction: expect.anything() });
    expect(letter?.instruction).toMatchObject(sent);
  });

  it("of a spend that nobody knows has the estimate", async () => {
    const authority = fakeAuthority();
    await withReservation(authority, request, () => 1, { idempotencyKey: "k" }).catch(() => {});
    exactly(await stored(authority.records), {
      [`${place}spend-unknown`]: {
        kind: "spend-unknown",
        protocol: "fake",
        target: "fake:test",
        reservationId: "rsv_1",
        idempotencyKey: "k",
        recordedAtMs: authority.clock.now(),
        reason: expect.stringContaining("Nothing says what reservation rsv_1 spent"),
        estimate: { unit: "USD_MICROCENTS", amount: "2000000" },
      },
    });
  });

  const whole = {
    kind: "late",
    protocol: "fake",
    reservationId: "rsv_1",
    idempotencyKey: "k",
    recordedAtMs: 1,
    reason: "x",
  };
  it.each<[string, RecordValue]>([
    ["null", null],
    ["a list", []],
    ["a number", 5],
    ["text", "letter"],
    ["no kind", { ...whole, kind: null }],
    ["no protocol", { ...whole, protocol: 5 }],
    ["no reservation", { ...whole, reservationId: 5 }],
  ])("of %s is shown as unreadable", async (_what, value) => {
    const authority = fakeAuthority();
    await authority.records.create(`${place}x`, value);
    expect(await letters(authority)).toEqual([
      {
        id: `${place}x`,
        kind: "malformed",
        protocol: "",
        reservationId: "",
        idempotencyKey: "",
        recordedAtMs: 0,
        reason: "The dead letter itself cannot be read.",
        found: value,
      },
    ]);
  });

  it("that says nothing of its target, as one of an earlier version, is its authority's", async () => {
    const authority = fakeAuthority();
    await authority.records.create(`${place}x`, whole);
    expect(await letters(authority)).toMatchObject([{ ...whole, id: `${place}x` }]);
  });

  it("of a target that begins as another one's is not listed, sent or discarded there", async () => {
    const records = memoryRecordStore();
    const long = { ...fakeAuthority({ records }), target: "https://h:8443" };
    await withReservation(long, request, () => 1).catch(() => {});
    const [id = ""] = await recordKeys(records, "dead-letter:");
    const short = { ...fakeAuthority({ records }), target: "https://h" };
    expect(await letters(short)).toEqual([]);
    const { deadLetters } = settlementQueue(short);
    for (const wrong of [id, "dead-letter:fake:https://h:nothing", commitKey]) {
      await expect(deadLetters.retry(wrong)).rejects.toMatchObject({
        name: "ValidationError",
        message: "dead letter: /id: names no dead letter of this authority",
        issues: [{ pointer: "/id", message: "names no dead letter of this authority" }],
      });
      expect(await deadLetters.discard(wrong)).toBe(false);
    }
    expect(await letters(long)).toHaveLength(1);
    expect(await settlementQueue(long).deadLetters.discard(id)).toBe(true);
  });

  it("is the word on a settlement whose process died before its record went, with an amount or without", async () => {
    const { spent: _none, ...unstated } = instruction;
    for (const settlement of [instruction, unstated]) {
      const records = memoryRecordStore();
      vi.spyOn(records, "delete").mockReturnValueOnce(new Promise(() => {}));
      const first = fakeAuthority({ records, settle: [refused] });
      await settlementQueue(first).submit(settlement);
      expect(await recordKeys(records, "settlement:")).toHaveLength(1);
      const second = fakeAuthority({ records });
      expect(await settlementQueue(second).recover()).toEqual({ resumed: 0, malformed: 0 });
      expect(await recordKeys(records, "settlement:")).toEqual([]);
    }
  });

  it("that is damaged, or of an earlier settlement, is no word on one", async () => {
    for (const letter of [
      5,
      { ...whole, kind: "refused" },
      { ...whole, instruction: { ...instruction, recordedAtMs: 1 } },
    ]) {
      const records = memoryRecordStore();
      await records.create(`${place}spent:1000000`, letter);
      await records.create(commitKey, { ...instruction });
      const authority = fakeAuthority({ records });
      expect(await settlementQueue(authority).recover()).toEqual({ resumed: 1, malformed: 0 });
    }
  });
});
