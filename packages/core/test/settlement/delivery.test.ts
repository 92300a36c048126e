import {
  type Attempt,
  ConfigurationError,
  type DeadLetter,
  ProtocolError,
  type Settlement,
  type SettlementInstruction,
  credits,
  memoryRecordStore,
  settlementQueue,
  silentLogger,
  withReservation,
} from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { type FakeAuthorityOptions, committed, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, recordKeys, request } from "../reservation/fixtures.ts";

const reset = new Error("reset");
const lost = (): Attempt => ({ retry: reset });
const spendOne = { spend: () => cents(1), idempotencyKey: "k" };
const ids = { reservationId: "rsv_1", idempotencyKey: "k" };

async function letters(authority: ReturnType<typeof fakeAuthority>): Promise<DeadLetter[]> {
  const found: DeadLetter[] = [];
  for await (const letter of settlementQueue(authority).deadLetters.list()) found.push(letter);
  return found;
}

/** An authority whose log is kept, and one call that spends a cent. */
async function spending(options: FakeAuthorityOptions) {
  const [warn, error] = [vi.fn(), vi.fn()];
  const environment = { ...options.environment, logger: { ...silentLogger, warn, error } };
  const authority = fakeAuthority({ ...options, environment });
  const onSettlement = vi.fn((_settlement: Settlement) => {});
  const { settlement } = await withReservation(authority, request, () => 1, { ...spendOne, onSettlement });
  const heard = () => onSettlement.mock.calls.map(([{ status }]) => status);
  return { authority, settlement, heard, warnings: warn.mock.calls, errors: error.mock.calls };
}

describe("an attempt that has no answer", () => {
  it("is repeated at growing waits, each emitted; the pending settlement is reported once, and then the final one", async () => {
    const { authority, settlement, heard } = await spending({ settle: [lost, lost, lost, committed] });
    await authority.clock.advance(60_000);
    expect(settlement).toEqual({ status: "pending", ...ids, error: reset, basis: "actual" });
    // Half of 500, 1,000 and 2,000 ms: the random bytes are those of 128/255.
    expect(authority.named("retry")).toEqual(
      [250, 501, 1_003].map((delayMs) => ({ protocol: "fake", operation: "commit", ...ids, error: reset, delayMs })),
    );
    expect(heard()).toEqual(["pending", "committed"]);
    expect(authority.named("settlement").map((event) => event.settlement.status)).toEqual(["pending", "committed"]);
  });

  it("waits by all of its random bytes, and never beyond the longest wait", async () => {
    const retries = { firstDelayMs: 65_536, longestDelayMs: 100_000 };
    const random = () => new Uint8Array([1, 255]);
    const { authority } = await spending({ settle: [lost], environment: { retries, random } });
    await authority.clock.advance(511 + 779);
    expect(authority.named("retry").map(({ delayMs }) => delayMs)).toEqual([511, 779, 779]);
  });

  it.each(["firstDelayMs", "longestDelayMs", "attempts", "inBackground"])("%s is a number of 1 or more", (name) => {
    const message = `environment.retries.${name} must be a number of 1 or more.`;
    for (const wrong of [0, 0.5, Number.NaN]) {
      const authority = fakeAuthority({ environment: { retries: { [name]: wrong } } });
      expect(() => settlementQueue(authority)).toThrow(new ConfigurationError(message));
    }
    expect(settlementQueue(fakeAuthority({ environment: { retries: { [name]: 1 } } })).pending).toBe(0);
  });

  it("is the last one when its attempts are used up: heard of once, and left to the next process", async () => {
    const { authority, heard } = await spending({ settle: [lost], environment: { retries: { attempts: 2 } } });
    await authority.clock.advance(600_000);
    expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
    expect(heard()).toEqual(["pending"]);
    expect(authority.named("settlement")).toHaveLength(1);
    expect(authority.named("retry")).toHaveLength(1);
    expect(authority.clock.timers).toBe(0);
    expect(await recordKeys(authority.records, "")).toHaveLength(1);
  });

  it("is heard of by a second caller too, and so is the end", async () => {
    const { authority, heard } = await spending({ settle: [lost, lost, committed] });
    const second = vi.fn((_settlement: Settlement, _isLast: boolean) => {});
    const [instruction] = authority.settled;
    const joined = await settlementQueue(authority).submit(instruction as SettlementInstruction, second);
    expect(joined.status).toBe("pending");
    await authority.clock.advance(60_000);
    expect(second.mock.calls.map(([{ status }, isLast]) => [status, isLast])).toEqual([["committed", true]]);
    expect(heard()).toEqual(["pending", "committed"]);
  });

  it.each<[string, unknown, object]>([
    ["an error is that error", () => Promise.reject(reset), reset],
    [
      "what is no error has it as the cause",
      () => Promise.reject("text"),
      new Error("settle failed", { cause: "text" }),
    ],
    ["nothing", () => undefined, new Error("The authority returned no outcome of the settlement.")],
    ["null", () => null, new Error("The authority returned no outcome of the settlement.")],
    ["text", () => "committed", new Error("The authority returned no outcome of the settlement.")],
    ["no settlement", () => ({ settled: null }), new Error("The authority returned no outcome of the settlement.")],
    [
      "no status",
      () => ({ settled: { status: 5 } }),
      new Error("The authority returned no outcome of the settlement."),
    ],
    [
      "a charge of null",
      () => ({ settled: { status: "committed", charged: null } }),
      new Error("The authority returned no outcome of the settlement."),
    ],
    [
      "half an instruction to send next",
      () => ({ next: { mode: "event" } }),
      new Error("The authority returned no outcome of the settlement."),
    ],
    [
      "a retry without an error",
      () => ({ retry: "x" }),
      new Error("The authority returned no outcome of the settlement."),
    ],
    [
      "a refusal without one",
      () => ({ rejected: "x" }),
      new Error("The authority returned no outcome of the settlement."),
    ],
  ])("of an authority's code, %s: pending, and asked again", async (_what, answer, error) => {
    const { authority, settlement } = await spending({ settle: [answer as () => Attempt, committed] });
    expect(settlement).toMatchObject({ status: "pending", error });
    expect(settlement.error?.cause).toEqual((error as Error).cause);
    await authority.clock.advance(60_000);
    expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
  });
});

describe("what the logger hears of a settlement that waits", () => {
  const refusedKey = (status: number) => new ProtocolError("no", { protocol: "fake", status, errorCode: "X" });
  const fields = { reservationId: "rsv_1", operation: "commit" };

  it.each([401, 403])("a %i at once, once", async (status) => {
    const { authority, warnings } = await spending({ settle: [() => ({ retry: refusedKey(status) })] });
    await authority.clock.advance(600_000);
    const text = "a settlement waits because the key was refused";
    expect(warnings).toEqual([[text, { ...fields, waitedMs: 0, error: "no" }]]);
  });

  it("anything else after a minute, to the millisecond", async () => {
    const until = (ms: number) => (): Attempt => ({ retry: reset, notBeforeMs: 1_800_000_000_000 + ms });
    const { authority, warnings } = await spending({ settle: [until(59_999), until(60_999), lost] });
    await authority.clock.advance(59_999);
    expect(authority.calls).toHaveLength(3);
    expect(warnings).toEqual([]);
    await authority.clock.advance(600_000);
    const text = "a settlement has waited for a minute";
    expect(warnings).toEqual([[text, { ...fields, waitedMs: 60_999, error: "reset" }]]);
    const exact = await spending({ settle: [until(60_000), lost] });
    await exact.authority.clock.advance(60_000);
    expect(exact.warnings).toMatchObject([[text, { waitedMs: 60_000 }]]);
  });
});

describe("a not-before of the authority", () => {
  it("is written down when it lies ahead, and only then", async () => {
    for (const [aheadMs, writes] of [
      [1_000, 1],
      [0, 0],
      [-1, 0],
    ] as const) {
      const records = memoryRecordStore();
      const replace = vi.spyOn(records, "replace");
      const { authority } = await spending({
        records,
        settle: [() => ({ retry: reset, notBeforeMs: 1_800_000_000_000 + aheadMs })],
      });
      expect(authority.clock.now()).toBe(1_800_000_000_000);
      expect(replace).toHaveBeenCalledTimes(writes);
    }
  });

  it("that an earlier run of the job was given is kept, and says what is waited for", async () => {
    const records = memoryRecordStore();
    await spending({ records, settle: [() => ({ retry: reset, notBeforeMs: 1_800_000_009_000 })] });
    const { authority, settlement } = await spending({ records });
    expect(settlement).toMatchObject({ status: "pending", error: new Error("The authority asked to wait.") });
    expect(authority.calls).toEqual(["reserve"]);
    await authority.clock.advance(9_000);
    expect(authority.calls).toEqual(["reserve", "commit"]);
  });
});

describe("a settlement that is sent another way", () => {
  it("switches three times at most", async () => {
    const next = (sent: SettlementInstruction): Attempt => ({ next: sent });
    const { authority, settlement } = await spending({ settle: [next] });
    expect(settlement.error).toEqual(new Error("The authority asks for ever another operation."));
    expect(authority.calls).toEqual(["reserve", "commit", "commit", "commit", "commit"]);
  });

  it("keeps what was spent and whose trace it is, whatever the authority returned", async () => {
    const next = ({ spent: _spent, traceparent: _trace, ...sent }: SettlementInstruction): Attempt => ({ next: sent });
    const authority = fakeAuthority({ settle: [next, committed] });
    await withReservation(authority, request, () => 1, { ...spendOne, traceparent: "t" });
    const spent = { unit: "USD_MICROCENTS", amount: "1000000" };
    expect(authority.settled).toMatchObject([
      { spent, traceparent: "t" },
      { spent, traceparent: "t" },
    ]);
  });
});

describe("a refusal for good", () => {
  const refused = { settle: [(): Attempt => ({ rejected: new Error("above the reserve") })] };

  it("of a commit is a spend that has its letter, and says so to everybody", async () => {
    const { authority, settlement, heard, errors } = await spending(refused);
    expect(settlement).toMatchObject({ status: "rejected", ...ids });
    expect(heard()).toEqual(["rejected"]);
    const facts = { protocol: "fake", reservationId: "rsv_1" };
    expect(authority.named("dead-letter")).toEqual([
      { ...facts, error: settlement.error, instruction: authority.settled[0] },
    ]);
    const text = "a spend is not in the books of its authority and waits as a dead letter";
    expect(errors).toEqual([[text, { ...facts, kind: "refused", reason: "above the reserve" }]]);
  });

  it("of a release is no spend: no letter, and its record goes", async () => {
    const authority = fakeAuthority(refused);
    const run = withReservation(authority, request, ({ unspent }) => unspent(), { idempotencyKey: "k" });
    const { settlement } = await run;
    expect(settlement.error).toMatchObject({
      message: "The release of reservation rsv_1 was refused: above the reserve",
      spendHappened: false,
      ...ids,
      cause: new Error("above the reserve"),
    });
    expect(authority.named("dead-letter")).toEqual([]);
    expect(await recordKeys(authority.records, "")).toEqual([]);
  });

  it("is what an authority that acknowledges nothing makes of a lost answer", async () => {
    const { authority, settlement } = await spending({ durable: false, settle: [lost] });
    expect(settlement).toMatchObject({ status: "rejected" });
    expect(await letters(authority)).toMatchObject([{ kind: "refused", reason: "reset" }]);
  });
});

describe("a settlement older than the authority remembers its key", () => {
  it.each([
    [1_000, "commit"],
    [1_001, "too-old"],
  ])("after %i ms: %s", async (ageMs, outcome) => {
    const records = memoryRecordStore();
    const { authority: first } = await spending({ records, settle: [lost] });
    await settlementQueue(first).close({ timeoutMs: 0 });
    const second = fakeAuthority({ records, dedupeHorizonMs: { commit: 1_000, release: 0 } });
    second.clock.jump(ageMs);
    await settlementQueue(second).recover();
    await settlementQueue(second).flush({ timeoutMs: 1_000 });
    expect(second.calls).toEqual(outcome === "commit" ? ["commit"] : []);
    const reason =
      "It was recorded at 2027-01-15T08:00:00.000Z, longer ago than the authority remembers the key of a commit.";
    expect(await letters(second)).toMatchObject(outcome === "commit" ? [] : [{ kind: "too-old", reason }]);
  });

  it("has no age where the authority states none for its operation", async () => {
    const { authority, settlement } = await spending({ dedupeHorizonMs: { release: 0 }, settle: [lost, committed] });
    expect(settlement.status).toBe("pending");
    authority.clock.jump(1e9);
    await authority.clock.advance(1_000);
    expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
  });
});

describe("a charge that the authority states", () => {
  const charging = (charged: Settlement["charged"]) => (instruction: SettlementInstruction) => {
    const answer = committed(instruction);
    return "settled" in answer ? { settled: { ...answer.settled, charged } } : answer;
  };

  it.each([
    ["the whole", cents(1)],
    ["less", cents(0)],
    ["nothing said", undefined],
  ])("of %s is as it should be", async (_what, charged) => {
    const { settlement, errors } = await spending({ settle: [charging(charged)] });
    expect(settlement).not.toHaveProperty("discrepancy");
    expect(errors).toEqual([]);
  });

  it("of more is logged, where somebody logs, and is on the settlement", async () => {
    const discrepancy = "charged 2000000 USD_MICROCENTS for a commit of 1000000 USD_MICROCENTS";
    const { settlement, errors } = await spending({ settle: [charging(cents(2))] });
    expect(settlement).toMatchObject({ discrepancy, charged: cents(2) });
    const text = "an authority's charge is not what was committed";
    expect(errors).toEqual([[text, { reservationId: "rsv_1", discrepancy }]]);
    const silent = fakeAuthority({ settle: [charging(credits(1))] });
    const { settlement: unheard } = await withReservation(silent, request, () => 1, spendOne);
    expect(unheard.discrepancy).toBe("charged 1 CREDITS for a commit of 1000000 USD_MICROCENTS");
  });

  it("of a release is nobody's commit", async () => {
    const authority = fakeAuthority({ settle: [charging(cents(2))] });
    const { settlement } = await withReservation(authority, request, ({ unspent }) => unspent());
    expect(settlement).toMatchObject({ status: "released", charged: cents(2) });
    expect(settlement).not.toHaveProperty("discrepancy");
  });
});

describe("close()", () => {
  it("aborts what is under way, and what it comes to is followed no further", async () => {
    const answer = createDeferred<Attempt>();
    const signals: (AbortSignal | undefined)[] = [];
    const authority = fakeAuthority({ settle: [(_sent, signal) => (signals.push(signal), answer.promise)] });
    const onSettlement = vi.fn();
    const running = withReservation(authority, request, () => 1, { ...spendOne, onSettlement });
    await authority.clock.advance(0);
    expect(await settlementQueue(authority).close({ timeoutMs: 0 })).toEqual({ pending: 1 });
    expect(signals[0]?.aborted).toBe(true);
    expect(onSettlement).not.toHaveBeenCalled();
    answer.resolve({ retry: reset });
    expect((await running).settlement.status).toBe("pending");
    expect(authority.clock.timers).toBe(0);
    expect(authority.named("retry")).toEqual([]);
  });

  it("begins nothing that had to wait its turn", async () => {
    const records = memoryRecordStore();
    for (const key of ["1", "2"]) {
      const first = fakeAuthority({ records, settle: [lost] });
      await withReservation(first, request, () => 1, { ...spendOne, idempotencyKey: key });
    }
    const answer = createDeferred<Attempt>();
    const retries = { inBackground: 1 };
    const second = fakeAuthority({ records, settle: [() => answer.promise], environment: { records, retries } });
    Object.assign(second, { environment: { ...second.environment, clock: second.clock } });
    expect(await settlementQueue(second).recover()).toEqual({ resumed: 2, malformed: 0 });
    await second.clock.advance(0);
    expect(second.calls).toEqual(["commit"]);
    await settlementQueue(second).close({ timeoutMs: 0 });
    answer.resolve({ retry: reset });
    await second.clock.advance(60_000);
    expect(second.calls).toEqual(["commit"]);
  });
});

describe("what waits its turn behind a backlog", () => {
  it("is not sent a second time when a live call has settled it meanwhile", async () => {
    const records = memoryRecordStore();
    for (const key of ["1", "2"]) {
      const first = fakeAuthority({ records, settle: [lost], reserve: [() => ({ id: `rsv_${key}` })] });
      await withReservation(first, request, () => 1, { ...spendOne, idempotencyKey: key });
    }
    const answer = createDeferred<void>();
    const authority = fakeAuthority({
      settle: [async (sent) => (await answer.promise, committed(sent)), committed],
      environment: { records, retries: { inBackground: 1 } },
    });
    const queue = settlementQueue(authority);
    await queue.recover();
    await authority.clock.advance(0);
    expect(authority.settled.map(({ reservationId }) => reservationId)).toEqual(["rsv_1"]);
    const found = await records.read("settlement:fake:fake:test:rsv_2:2:commit:1000000");
    const joined = queue.submit(found?.value as unknown as SettlementInstruction);
    expect((await joined).status).toBe("committed");
    answer.resolve();
    expect(await queue.flush({ timeoutMs: 1_000 })).toEqual({ pending: 0 });
    expect(authority.settled.map(({ reservationId }) => reservationId)).toEqual(["rsv_1", "rsv_2"]);
  });
});
