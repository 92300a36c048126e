import { ConnectionError, type RecordStore, memoryRecordStore, settlementQueue, withReservation } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { describe, expect, it, vi } from "vitest";
import { committed, fakeAuthority } from "@imprest/testing";
import { cents, recordKeys, request } from "../reservation/fixtures.ts";

const lost = () => ({ retry: new ConnectionError("reset") });
const spendOne = { spend: () => cents(1) };

/** What a worker writes down and sends, in order; each write takes a turn of its own. */
function observed(records: RecordStore, log: string[]): RecordStore {
  return {
    ...records,
    async create(key, value) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const version = await records.create(key, value);
      log.push("recorded");
      return version;
    },
    async replace(key, value, version) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const next = await records.replace(key, value, version);
      log.push(
        `recorded ${(value as { mode: string }).mode} ${(value as { notBeforeMs: number }).notBeforeMs > 0 ? "later" : "now"}`,
      );
      return next;
    },
  };
}

describe("the order is law", () => {
  it("the record is durable before the first request leaves, for a second caller too", async () => {
    const log: string[] = [];
    const settle = (instruction: Parameters<typeof committed>[0]) => (log.push("sent"), committed(instruction));
    const authority = fakeAuthority({ records: observed(memoryRecordStore(), log), settle: [settle] });
    const queue = settlementQueue(authority);
    const grant = await authority.reserve(request, { idempotencyKey: "k" });
    const stamp = { idempotencyKey: "k", recordedAtMs: authority.clock.now() };
    const instruction = authority.prepare(
      grant,
      { kind: "commit", spend: { amount: cents(1), basis: "actual" } },
      stamp,
    );
    await Promise.all([queue.submit(instruction), queue.submit(instruction)]);
    expect(log).toEqual(["recorded", "sent"]);
  });

  it("the switch to the late path is durable before its request; so is the authority's not-before", async () => {
    const log: string[] = [];
    const authority = fakeAuthority({
      records: observed(memoryRecordStore(), log),
      settle: [
        (instruction) => (log.push(instruction.mode), { next: { ...instruction, mode: "event" } }),
        (instruction) => (
          log.push(instruction.mode),
          { retry: new Error("429"), notBeforeMs: authority.clock.now() + 9_000 }
        ),
        (instruction) => (log.push(instruction.mode), committed(instruction)),
      ],
    });
    await withReservation(authority, request, () => 1, spendOne);
    expect(log).toEqual(["recorded", "commit", "recorded event now", "event", "recorded event later"]);
    await authority.clock.advance(8_999);
    expect(log).toHaveLength(5);
    await authority.clock.advance(60_000);
    expect(log.at(-1)).toBe("event");
    expect(await recordKeys(authority.records, "")).toEqual([]);
  });

  it("another amount under the same key is another settlement, with a record of its own", async () => {
    const records = memoryRecordStore();
    const one = fakeAuthority({ records, settle: [lost] });
    await withReservation(one, request, () => 1, { ...spendOne, idempotencyKey: "k" });
    const other = fakeAuthority({
      records,
      settle: [() => ({ retry: new Error("429"), notBeforeMs: other.clock.now() + 9_000 }), committed],
    });
    await withReservation(other, request, () => 1, { spend: () => cents(2), idempotencyKey: "k" });
    expect(await recordKeys(records, "settlement:")).toHaveLength(2);
    await other.clock.advance(60_000);
    expect(other.calls).toEqual(["reserve", "commit", "commit"]);
    const [key = ""] = await recordKeys(records, "settlement:");
    expect((await records.read(key))?.value).toMatchObject({ body: one.settled[0]?.body });
  });

  it("a place that something else has taken is reported; the spend is sent, and what stands there is left alone", async () => {
    const records = memoryRecordStore();
    await records.create("settlement:fake:fake:test:rsv_1:k:commit:1000000", "not ours");
    const authority = fakeAuthority({ records });
    await withReservation(authority, request, () => 1, { ...spendOne, idempotencyKey: "k" });
    expect(authority.named("record-failure")).toHaveLength(1);
    expect(authority.calls).toEqual(["reserve", "commit"]);
    expect((await records.read("settlement:fake:fake:test:rsv_1:k:commit:1000000"))?.value).toBe("not ours");
  });

  it("a redelivered job takes its earlier run's record over: its age, its not-before, its late path", async () => {
    const records = memoryRecordStore();
    const first = fakeAuthority({
      records,
      settle: [
        (instruction) => ({ next: { ...instruction, mode: "event", body: '{"event":1}', fallback: undefined } }),
        () => ({ retry: new Error("429"), notBeforeMs: first.clock.now() + 9_000 }),
      ],
    });
    const plain = first.prepare.bind(first);
    const withFallback: typeof plain = (...args) => ({ ...plain(...args), fallback: '{"event":1}' });
    await withReservation(Object.assign(first, { prepare: withFallback }), request, () => 1, {
      ...spendOne,
      idempotencyKey: "k",
    });
    const second = Object.assign(fakeAuthority({ records }), { prepare: withFallback });
    await second.clock.advance(1_000);
    const { settlement } = await withReservation(second, request, () => 1, { ...spendOne, idempotencyKey: "k" });
    expect(settlement.status).toBe("pending");
    await second.clock.advance(40_000);
    expect(second.calls).toEqual(["reserve", "event"]);
    expect(second.settled[0]).toMatchObject({ recordedAtMs: first.settled[0]?.recordedAtMs, body: '{"event":1}' });
    expect(second.named("record-failure")).toEqual([]);
    expect(await recordKeys(records, "")).toEqual([]);
  });
});

describe("two workers and one record", () => {
  async function leaveUnfinished(records: RecordStore) {
    const first = fakeAuthority({ records, settle: [lost] });
    await withReservation(first, request, () => 1, spendOne);
    await settlementQueue(first).close({ timeoutMs: 0 });
  }

  it("both switch to the late path: neither reports a failure, and the record goes", async () => {
    const records = memoryRecordStore();
    await leaveUnfinished(records);
    const gate = createDeferred<void>();
    const late = async (instruction: Parameters<typeof committed>[0]) => {
      await gate.promise;
      return { next: { ...instruction, mode: "event" } };
    };
    const workers = [1, 2].map(() => fakeAuthority({ records, settle: [late, committed] }));
    await Promise.all(workers.map((worker) => settlementQueue(worker).recover()));
    gate.resolve();
    await vi.waitFor(() => expect(workers.map(({ calls }) => calls)).toEqual(workers.map(() => ["commit", "event"])));
    await Promise.all(workers.map((worker) => settlementQueue(worker).flush({ timeoutMs: 1_000 })));
    expect(workers.flatMap((worker) => worker.named("record-failure"))).toEqual([]);
    expect(await recordKeys(records, "")).toEqual([]);
  });

  it("a record that the other has settled does not come back when this one has to wait", async () => {
    const records = memoryRecordStore();
    await leaveUnfinished(records);
    const answer = createDeferred<void>();
    const slow = fakeAuthority({
      records,
      settle: [async () => (await answer.promise, { retry: new Error("429"), notBeforeMs: 2e12 })],
    });
    const fast = fakeAuthority({ records });
    await settlementQueue(slow).recover();
    await settlementQueue(fast).recover();
    await settlementQueue(fast).flush({ timeoutMs: 1_000 });
    answer.resolve();
    await vi.waitFor(() => expect(slow.named("retry")).toHaveLength(1));
    expect(await recordKeys(records, "")).toEqual([]);
    expect(slow.named("record-failure")).toEqual([]);
  });
});

describe("the queue goes on by itself", () => {
  it("what a refused credential left waiting is sent at once when the credential changes", async () => {
    const listeners = new Set<() => void>();
    const authority = {
      ...fakeAuthority({ settle: [lost, lost, lost, lost, lost, committed] }),
      onNewCredentials: (listener: () => void) => (listeners.add(listener), () => listeners.delete(listener)),
    };
    await withReservation(authority, request, () => 1, spendOne);
    await authority.clock.advance(5_000);
    const before = authority.calls.length;
    for (const listener of listeners) listener();
    await authority.clock.advance(0);
    expect(authority.calls).toHaveLength(before + 1);
    await settlementQueue(authority).close({ timeoutMs: 0 });
    expect(listeners.size).toBe(0);
  });

  it("an outage of any length is outlived without a restart", async () => {
    let isDown = true;
    const authority = fakeAuthority({ settle: [(instruction) => (isDown ? lost() : committed(instruction))] });
    await withReservation(authority, request, () => 1, spendOne);
    for (let hour = 0; hour < 6; hour += 1) await authority.clock.advance(3_600_000);
    isDown = false;
    await authority.clock.advance(30_000);
    expect(settlementQueue(authority).pending).toBe(0);
    expect(await recordKeys(authority.records, "")).toEqual([]);
  });

  it("a backlog is replayed a few at a time, to its end, and a live call does not wait behind it", async () => {
    const records = memoryRecordStore();
    const instruction = (at: number) => ({
      protocol: "fake",
      target: "fake:test",
      reservationId: `old_${at}`,
      idempotencyKey: "k",
      kind: "commit",
      mode: "commit",
      body: "{}",
      recordedAtMs: 1,
      notBeforeMs: 0,
    });
    for (let at = 0; at < 200; at += 1) await records.create(`settlement:fake:fake:test:old_${at}:k`, instruction(at));
    let running = 0;
    let most = 0;
    const release = createDeferred<void>();
    const authority = fakeAuthority({
      records,
      settle: [
        async (sent) => {
          if (!sent.reservationId.startsWith("old")) return committed(sent);
          most = Math.max(most, ++running);
          await release.promise;
          running -= 1;
          return committed(sent);
        },
      ],
    });
    const queue = settlementQueue(authority);
    expect(await queue.recover()).toEqual({ resumed: 200, malformed: 0 });
    const { settlement } = await withReservation(authority, request, () => 1, spendOne);
    expect(settlement.status).toBe("committed");
    expect(queue.pending).toBe(200);
    release.resolve();
    expect(await queue.flush({ timeoutMs: 1_000 })).toEqual({ pending: 0 });
    expect(most).toBe(32);
    expect(authority.calls.filter((call) => call === "commit")).toHaveLength(201);
    expect(await recordKeys(records, "")).toEqual([]);
  });

  it("a recorded not-before that no authority asks for does not park a spend for days", async () => {
    const records = memoryRecordStore();
    const first = fakeAuthority({ records, settle: [() => ({ retry: new Error("429"), notBeforeMs: 9e12 })] });
    await withReservation(first, request, () => 1, spendOne);
    await settlementQueue(first).close({ timeoutMs: 0 });
    const second = fakeAuthority({ records });
    await settlementQueue(second).recover();
    await second.clock.advance(3_599_000);
    expect(second.calls).toEqual([]);
    await second.clock.advance(32_000);
    expect(second.calls).toEqual(["commit"]);
  });
});
