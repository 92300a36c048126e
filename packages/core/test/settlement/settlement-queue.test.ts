import {
  ConnectionError,
  type DeadLetter,
  type SettlementQueue,
  type SettlementInstruction,
  memoryRecordStore,
  settlementQueue,
  withReservation,
} from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { committed, fakeAuthority } from "@imprest/testing";
import { cents, recordKeys, request } from "../reservation/fixtures.ts";

const lost = () => ({ retry: new ConnectionError("reset") });

async function letters(queue: SettlementQueue): Promise<DeadLetter[]> {
  const all: DeadLetter[] = [];
  for await (const letter of queue.deadLetters.list()) all.push(letter);
  return all;
}

async function leaveUnfinished(records = memoryRecordStore()) {
  const first = fakeAuthority({ records, settle: [lost] });
  await withReservation(first, request, () => 1, { spend: () => cents(1) });
  await settlementQueue(first).close({ timeoutMs: 0 });
  return { records, first };
}

describe("recover()", () => {
  it("sends what an earlier process left, with the same key and bytes, without any guarded call", async () => {
    const { records, first } = await leaveUnfinished();
    const second = fakeAuthority({ records });
    const queue = settlementQueue(second);
    expect(await queue.recover()).toEqual({ resumed: 1, malformed: 0 });
    expect(await queue.flush({ timeoutMs: 1_000 })).toEqual({ pending: 0 });
    expect(second.calls).toEqual(["commit"]);
    expect(second.settled[0]).toEqual(first.settled[0]);
    expect(await recordKeys(records, "")).toEqual([]);
  });

  it("is safe to call twice and alongside what is already being sent", async () => {
    const { records } = await leaveUnfinished();
    const second = fakeAuthority({ records, settle: [lost, committed] });
    const queue = settlementQueue(second);
    expect(await queue.recover()).toEqual({ resumed: 1, malformed: 0 });
    expect(await queue.recover()).toEqual({ resumed: 0, malformed: 0 });
    await second.clock.advance(60_000);
    expect(second.calls).toEqual(["commit", "commit"]);
  });

  it("leaves the records of another authority alone", async () => {
    const { records } = await leaveUnfinished();
    const other = { ...fakeAuthority({ records }), target: "fake:other" };
    expect(await settlementQueue(other).recover()).toEqual({ resumed: 0, malformed: 0 });
  });

  it.each([
    ["no object", 7],
    [
      "a missing body",
      { protocol: "fake", target: "fake:test", reservationId: "r", idempotencyKey: "k", kind: "commit" },
    ],
    ["an unknown kind", { kind: "steal" }],
  ])("moves a malformed record to the dead letters: %s", async (_name, value) => {
    const records = memoryRecordStore();
    await records.create("settlement:fake:fake:test:r:k", value);
    const authority = fakeAuthority({ records });
    expect(await settlementQueue(authority).recover()).toEqual({ resumed: 0, malformed: 1 });
    expect(authority.calls).toEqual([]);
    expect(await recordKeys(records, "settlement:")).toEqual([]);
    for await (const letter of settlementQueue(authority).deadLetters.list()) {
      expect(letter).toMatchObject({ kind: "malformed", found: value });
    }
  });

  it("leaves to its letter what was refused before the process died, though another answer would come now", async () => {
    const records = memoryRecordStore();
    const refused = () => ({ rejected: new Error("above the reserve") });
    const remove = vi.spyOn(records, "delete").mockReturnValueOnce(new Promise(() => {}));
    const first = fakeAuthority({ records, settle: [refused] });
    await withReservation(first, request, () => 1, { spend: () => cents(1) });
    remove.mockRestore();
    const second = fakeAuthority({ records });
    const queue = settlementQueue(second);
    expect(await queue.recover()).toEqual({ resumed: 0, malformed: 0 });
    expect(second.calls).toEqual([]);
    expect(await recordKeys(records, "settlement:")).toEqual([]);
    const [letter] = await letters(queue);
    expect(letter).toMatchObject({ kind: "refused", spent: cents(1) });
  });

  it("sends an operator's repeat, though the process died before it could forget the letter", async () => {
    const records = memoryRecordStore();
    const first = fakeAuthority({ records, settle: [() => ({ rejected: new Error("above the reserve") }), lost] });
    await withReservation(first, request, () => 1, { spend: () => cents(1) });
    const [letter] = await letters(settlementQueue(first));
    vi.spyOn(records, "delete").mockReturnValueOnce(new Promise(() => {}));
    void settlementQueue(first).deadLetters.retry(letter?.id ?? "");
    await first.clock.advance(0);
    const second = fakeAuthority({ records });
    expect(await settlementQueue(second).recover()).toEqual({ resumed: 1, malformed: 0 });
    await settlementQueue(second).flush({ timeoutMs: 1_000 });
    expect(second.calls).toEqual(["commit"]);
  });

  it("two workers replaying one record settle it without harm", async () => {
    const { records } = await leaveUnfinished();
    const workers = [fakeAuthority({ records }), fakeAuthority({ records })];
    await Promise.all(workers.map((worker) => settlementQueue(worker).recover()));
    await Promise.all(workers.map((worker) => settlementQueue(worker).flush({ timeoutMs: 1_000 })));
    const bodies = workers.flatMap(({ settled }) => settled).map(({ body, idempotencyKey }) => body + idempotencyKey);
    expect(new Set(bodies).size).toBe(1);
    expect(await recordKeys(records, "")).toEqual([]);
  });

  it("does not send what is older than the authority remembers; an operator may", async () => {
    const { records } = await leaveUnfinished();
    const second = fakeAuthority({ records, dedupeHorizonMs: { commit: 86_400_000 } });
    second.clock.jump(86_400_001);
    const queue = settlementQueue(second);
    await queue.recover();
    await queue.flush({ timeoutMs: 1_000 });
    expect(second.calls).toEqual([]);
    const letters = [];
    for await (const letter of queue.deadLetters.list()) letters.push(letter);
    expect(letters).toMatchObject([{ kind: "too-old", spent: cents(1) }]);
    await queue.deadLetters.retry(letters[0]?.id ?? "");
    expect(second.calls).toEqual(["commit"]);
    expect(await recordKeys(records, "")).toEqual([]);
  });
});

describe("flush() and close()", () => {
  it("flush tries at once and is bounded; what is left stays recorded", async () => {
    const authority = fakeAuthority({ settle: [lost, () => new Promise(() => {})] });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    const flushed = settlementQueue(authority).flush({ timeoutMs: 500 });
    await authority.clock.advance(500);
    expect(await flushed).toEqual({ pending: 1 });
    expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
    expect(await recordKeys(authority.records, "settlement:")).toHaveLength(1);
  });

  it("flush ends when its signal aborts", async () => {
    const authority = fakeAuthority({ settle: [() => new Promise(() => {})] });
    void withReservation(authority, request, () => 1, { spend: () => cents(1) });
    await vi.waitFor(() => expect(authority.calls).toContain("commit"));
    const queue = settlementQueue(authority);
    expect(await queue.flush({ timeoutMs: 1e9, signal: AbortSignal.abort() })).toEqual({ pending: 1 });
    expect(authority.clock.timers).toBe(0);
  });

  it("close stops retrying and leaves no timer", async () => {
    const { first } = await leaveUnfinished();
    await first.clock.advance(3_600_000);
    expect(first.calls).toEqual(["reserve", "commit"]);
    expect(first.clock.timers).toBe(0);
  });

  it("a settlement after close is still sent once and recorded", async () => {
    const authority = fakeAuthority({ settle: [lost] });
    await settlementQueue(authority).close({ timeoutMs: 0 });
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect(settlement.status).toBe("pending");
    expect(await recordKeys(authority.records, "settlement:")).toHaveLength(1);
    expect(authority.clock.timers).toBe(0);
  });
});

describe("an authority that acknowledges nothing (durable: false)", () => {
  it("records nothing and sends once; what fails is a dead letter", async () => {
    const authority = fakeAuthority({ durable: false, settle: [lost] });
    const create = vi.spyOn(authority.records, "create");
    const { settlement } = await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect(settlement.status).toBe("rejected");
    expect(authority.calls).toEqual(["reserve", "commit"]);
    expect(create.mock.calls.map(([key]) => key.split(":")[0])).toEqual(["dead-letter"]);
  });
});

describe("a listener that throws or rejects", () => {
  it("breaks neither the call nor another listener", async () => {
    const authority = fakeAuthority();
    const { observer } = settlementQueue(authority);
    observer.on("settlement", () => {
      throw new Error("listener");
    });
    observer.on("settlement", () => Promise.reject(new Error("listener")));
    const heard = vi.fn();
    const off = observer.on("settlement", heard);
    const onSettlement = () => {
      throw new Error("listener");
    };
    const run = withReservation(authority, request, () => 1, { spend: () => cents(1), onSettlement });
    await expect(run).resolves.toMatchObject({ settlement: { status: "committed" } });
    expect(heard).toHaveBeenCalledOnce();
    off();
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    expect(heard).toHaveBeenCalledOnce();
  });
});

describe("law: the ledger plus the dead letters is what was paid", () => {
  it("for any answers of the authority and any number of restarts", async () => {
    const answer = fc.constantFrom<"commit" | "lost" | "acted, lost" | "refused" | "late" | "thrown">(
      "commit",
      "lost",
      "acted, lost",
      "refused",
      "late",
      "thrown",
    );
    const calls = fc.array(
      fc.record({ spend: fc.integer({ min: 1, max: 9 }), answers: fc.array(answer, { maxLength: 4 }) }),
      {
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(calls, fc.integer({ min: 0, max: 3 }), async (wanted, restarts) => {
        const records = memoryRecordStore();
        const ledger = new Map<string, bigint>();
        const refusals = new Set<string>();
        const apply = (instruction: SettlementInstruction) => {
          ledger.set(instruction.reservationId, BigInt(JSON.parse(instruction.body).amount));
          return committed(instruction);
        };
        let paid = 0n;
        let at = 0;
        const plan = wanted.flatMap(({ answers }) => answers);
        const settle = [
          (instruction: SettlementInstruction) => {
            const what = plan[at++] ?? "commit";
            if (what === "lost") return lost();
            if (what === "acted, lost" && !refusals.has(instruction.reservationId)) return (apply(instruction), lost());
            if (what === "late") return { next: { ...instruction, mode: "event" } };
            if (what === "thrown") throw new Error("reset");
            // A server answers a same-key replay as it did before, whether it had acted or refused.
            if (what === "refused" && !ledger.has(instruction.reservationId)) refusals.add(instruction.reservationId);
            return refusals.has(instruction.reservationId) ? { rejected: new Error("no") } : apply(instruction);
          },
        ];
        let served = 0;
        const newProcess = () => {
          const run = fakeAuthority({ records, settle, reserve: [() => ({ id: `rsv_${++served}` })] });
          return run;
        };
        let worker = newProcess();
        for (const { spend } of wanted) {
          paid += cents(spend).amount;
          await withReservation(worker, request, () => 1, { spend: () => cents(spend) });
        }
        for (let restart = 0; restart < restarts; restart += 1) {
          await settlementQueue(worker).close({ timeoutMs: 0 });
          worker = newProcess();
          await settlementQueue(worker).recover();
        }
        await worker.clock.advance(3_600_000);
        let dead = 0n;
        for await (const { spent } of settlementQueue(worker).deadLetters.list()) dead += spent?.amount ?? 0n;
        const booked = [...ledger.values()].reduce((sum, amount) => sum + amount, 0n);
        expect(booked + dead).toBe(paid);
        expect(settlementQueue(worker).pending).toBe(0);
        expect(await recordKeys(records, "settlement:")).toEqual([]);
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});

it("back-off, attempts and width are the environment's to say", async () => {
  const lost = () => ({ retry: new ConnectionError("reset") });
  const authority = fakeAuthority({
    settle: [lost],
    environment: { retries: { firstDelayMs: 10, longestDelayMs: 20, attempts: 3 } },
  });
  await withReservation(authority, request, () => 1, { spend: () => cents(1) });
  await authority.clock.advance(60_000);
  expect(authority.calls).toEqual(["reserve", "commit", "commit", "commit"]);
  expect(await recordKeys(authority.records, "settlement:")).toHaveLength(1);
  expect(authority.clock.timers).toBe(0);
});

describe("deadLetters.list() of one reservation", () => {
  it("lists its letters alone, also where its id is the beginning of another's", async () => {
    const records = memoryRecordStore();
    const authority = fakeAuthority({ records });
    const { protocol, target } = authority;
    for (const reservationId of ["r", "r:1", "r1", "s"]) {
      const key = `dead-letter:${protocol}:${target}:${reservationId}:key:spend-unknown`;
      await records.create(key, { kind: "spend-unknown", protocol, target, reservationId, idempotencyKey: "key" });
    }
    const found: string[] = [];
    const { deadLetters } = settlementQueue(authority);
    for await (const letter of deadLetters.list({ reservationId: "r" })) found.push(letter.reservationId);
    expect(found).toEqual(["r"]);
  });
});
