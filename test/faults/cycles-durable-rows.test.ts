import { readFile } from "node:fs/promises";
import { type DeadLetter, Observer, settlementQueue, usdMicrocents } from "@imprest/core";
import { CyclesAuthority, withReservation } from "@imprest/cycles";
import { describe, expect, it, vi } from "vitest";
import { type LedgerServer, refusal } from "./support/ledger-server.ts";
import { filesIn, startLedger, textIn } from "./support/setup.ts";
import { recoverWith, startWorker } from "./support/start-worker.ts";
import { type StoreName, openStore } from "./support/stores.ts";

// Durable settlement over real HTTP.

const request = { estimate: usdMicrocents(10n), action: { kind: "k" } };
const spend = { spend: () => usdMicrocents(7n) };

interface Setup {
  readonly ledger: LedgerServer;
  readonly dir: string;
  readonly open: (more?: ConstructorParameters<typeof CyclesAuthority>[1]) => CyclesAuthority;
}

async function setUp(store: StoreName = "fleet"): Promise<Setup> {
  const { ledger, dir } = await startLedger();
  const client = { baseUrl: ledger.url, apiKey: "test-key", subject: { tenant: "acme" }, timeoutMs: 1_000 };
  const open: Setup["open"] = (more) =>
    new CyclesAuthority(client, { records: openStore(store, dir, ledger.url), ...more });
  return { ledger, dir, open };
}

async function lettersOf(authority: CyclesAuthority): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for await (const letter of settlementQueue(authority).deadLetters.list()) letters.push(letter);
  return letters;
}

const operations = (ledger: LedgerServer): string[] => ledger.seen.map(({ operation }) => operation);

describe("what keeps a record, and what ends it", () => {
  it.each([
    ["401", 401, "UNAUTHORIZED"],
    ["403", 403, "FORBIDDEN"],
    ["a 4xx with a code of tomorrow", 409, "CODE_OF_TOMORROW"],
    ["a 4xx of a proxy", 418, undefined],
    ["a 5xx with a final code", 503, "NOT_FOUND"],
  ])("%s keeps it, here and for the next process", async (_name, status, code) => {
    const { ledger, dir, open } = await setUp();
    const body = code === undefined ? "<html>" : refusal(status, code).body;
    for (let at = 0; at < 3; at += 1) ledger.faults.commit.push({ kind: "answer", acted: false, status, body });
    const authority = open();
    const { settlement } = await withReservation(authority, request, () => 1, spend);
    expect(settlement.status).toBe("pending");
    await settlementQueue(authority).close({ timeoutMs: 0 });
    expect(filesIn(dir)).toHaveLength(1);
    ledger.faults.commit.length = 0;
    const next = open();
    await settlementQueue(next).recover();
    expect(await settlementQueue(next).flush({ timeoutMs: 5_000 })).toEqual({ pending: 0 });
    expect(ledger.charges).toHaveLength(1);
    expect(filesIn(dir)).toEqual([]);
    expect(await lettersOf(next)).toEqual([]);
  });

  it.each([
    ["404", 404, "NOT_FOUND"],
    ["409 under REJECT", 409, "BUDGET_EXCEEDED"],
    ["400", 400, "INVALID_REQUEST"],
  ])(
    "cycles 7 %s, 9 row 13: a spend refused for good is a dead letter, and may be sent again",
    async (_name, status, code) => {
      const { ledger, dir, open } = await setUp();
      ledger.faults.commit.push({ kind: "answer", acted: false, status, body: refusal(status, code).body });
      const authority = open();
      const { value, settlement } = await withReservation(authority, request, () => "value", spend);
      expect([value, settlement.status]).toEqual(["value", "rejected"]);
      const [letter] = await lettersOf(open());
      expect(letter).toMatchObject({ kind: "refused", reservationId: "rsv_1", spent: usdMicrocents(7n) });
      expect(ledger.charges).toEqual([]);
      expect(await settlementQueue(authority).deadLetters.retry(letter?.id ?? "")).toMatchObject({
        status: "committed",
      });
      await settlementQueue(authority).flush({ timeoutMs: 1_000 });
      expect(ledger.charges).toHaveLength(1);
      expect(new Set(ledger.settlements.map(({ key, body }) => key + body)).size).toBe(1);
      expect(filesIn(dir)).toEqual([]);
    },
  );
});

describe("nothing is replayed past what the authority remembers, without an operator's word", () => {
  it.each([
    ["an event after 7 days", "event", 7],
    ["a commit after 30 days", "commit", 30],
  ])("%s", async (_name, mode, days) => {
    const { ledger, dir, open } = await setUp();
    ledger.faults.commit.push({ kind: "hang", acted: false });
    const worker = startWorker({ store: "fleet", dir, baseUrl: ledger.url, apiKey: "test-key", work: "spend" });
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(1), { timeout: 15_000 });
    await worker.kill();
    const [path = ""] = filesIn(dir);
    const { writeFile } = await import("node:fs/promises");
    const record = JSON.parse(await readFile(path, "utf8")) as { recorded_at_ms: number };
    const aged = { ...record, mode, recorded_at_ms: Date.now() - days * 86_400_000 - 1_000 };
    await writeFile(path, JSON.stringify(aged));
    const sent = ledger.settlements.length;
    const authority = open();
    const told = vi.fn<() => void>();
    settlementQueue(authority).observer.on("dead-letter", told);
    await settlementQueue(authority).recover();
    await settlementQueue(authority).flush({ timeoutMs: 5_000 });
    expect(ledger.settlements).toHaveLength(sent);
    expect(told).toHaveBeenCalledOnce();
    const [letter] = await lettersOf(authority);
    expect(letter).toMatchObject({ kind: "too-old", spent: usdMicrocents(7n) });
    expect(filesIn(dir).filter((file) => file.endsWith(".json"))).toEqual([]);
    await settlementQueue(authority).deadLetters.retry(letter?.id ?? "");
    await settlementQueue(authority).flush({ timeoutMs: 5_000 });
    expect(ledger.charges).toHaveLength(1);
    expect(await lettersOf(authority)).toEqual([]);
  });
});

describe("starting and stopping", () => {
  it("recover() replays without any guarded call; it makes no reservation", async () => {
    const { ledger, dir, open } = await setUp("log");
    ledger.faults.commit.push({ kind: "hang", acted: false });
    const worker = startWorker({ store: "log", dir, baseUrl: ledger.url, apiKey: "test-key", work: "spend" });
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(1), { timeout: 15_000 });
    await worker.kill();
    const authority = open();
    expect(await settlementQueue(authority).recover()).toEqual({ resumed: 1, malformed: 0 });
    expect(await settlementQueue(authority).flush({ timeoutMs: 5_000 })).toEqual({ pending: 0 });
    expect(operations(ledger)).toEqual(["create", "commit", "commit"]);
    await authority.environment.records?.close?.();
  });

  it("flush and close are bounded while the authority hangs, and leave the record as it is", async () => {
    const { ledger, dir, open } = await setUp();
    for (let at = 0; at < 9; at += 1) ledger.faults.commit.push({ kind: "hang", acted: false });
    const authority = open();
    const call = withReservation(authority, request, () => 1, spend);
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(1));
    const before = textIn(dir);
    const started = performance.now();
    expect(await settlementQueue(authority).flush({ timeoutMs: 200 })).toEqual({ pending: 1 });
    expect(await settlementQueue(authority).close({ timeoutMs: 200 })).toEqual({ pending: 1 });
    expect(performance.now() - started).toBeLessThan(800);
    expect((await call).settlement.status).toBe("pending");
    expect(textIn(dir)).toBe(before);
    ledger.faults.commit.length = 0;
    const told = await recoverWith({ store: "fleet", dir, baseUrl: ledger.url, apiKey: "test-key" });
    expect(told).toMatchObject([{ what: "recovered", resumed: 1, pending: 0 }]);
    expect(ledger.charges).toHaveLength(1);
  });

  it("a hanging release delays nobody, is recorded, and is finished by the next process", async () => {
    const { ledger, dir, open } = await setUp();
    for (let at = 0; at < 9; at += 1) ledger.faults.release.push({ kind: "hang", acted: false });
    const authority = open();
    const failing = withReservation(authority, request, ({ unspent }) => {
      unspent();
      throw new Error("the caller's own error");
    });
    const started = performance.now();
    await expect(failing).rejects.toThrow("the caller's own error");
    expect(performance.now() - started).toBeLessThan(500);
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(1));
    await settlementQueue(authority).close({ timeoutMs: 0 });
    expect(filesIn(dir)).toHaveLength(1);
    ledger.faults.release.length = 0;
    await recoverWith({ store: "fleet", dir, baseUrl: ledger.url, apiKey: "test-key" });
    expect(operations(ledger)).toEqual(["create", "release", "release"]);
    expect(new Set(ledger.settlements.map(({ key }) => key)).size).toBe(1);
    expect(filesIn(dir)).toEqual([]);
  });
});

describe("the lease", () => {
  it("is kept alive while a commit is retried, so that the commit lands as one", async () => {
    const { ledger, open } = await setUp();
    ledger.remainingMs = 4_000;
    for (let at = 0; at < 5; at += 1) ledger.faults.commit.push({ kind: "answer", acted: false, status: 503 });
    const outcomes: string[] = [];
    // The longest jitter: half a second, one, two.
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(255);
    const authority = open({ ttlMs: 4_000, random });
    const onSettlement = ({ status }: { readonly status: string }): number => outcomes.push(status);
    await withReservation(authority, request, () => 1, { ...spend, onSettlement });
    await vi.waitFor(() => expect(operations(ledger).filter((name) => name === "extend").length).toBeGreaterThan(1), {
      timeout: 10_000,
    });
    ledger.faults.commit.length = 0;
    await vi.waitFor(() => expect(outcomes.at(-1)).toBe("committed"), { timeout: 10_000 });
    const extensions = operations(ledger).filter((name) => name === "extend").length;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(operations(ledger).filter((name) => name === "extend")).toHaveLength(extensions);
    expect(operations(ledger)).not.toContain("event");
  });

  it("of 10 s needs no priming extend, and is extended in time", async () => {
    const { ledger, open } = await setUp();
    ledger.remainingMs = 10_000;
    const authority = open({ ttlMs: 10_000 });
    await withReservation(authority, request, () => new Promise((resolve) => setTimeout(resolve, 5_500)), spend);
    const [create, first, second] = ledger.seen;
    expect([create?.operation, first?.operation, second?.operation]).toEqual(["create", "extend", "commit"]);
    expect((first?.at ?? 0) - (create?.at ?? 0)).toBeGreaterThan(4_000);
  });

  it.each(["warn", "cancel", "fail_on_finalize"] as const)(
    "policy %s when the lease is lost: emitted, and the spend is settled all the same",
    async (leaseLoss) => {
      const { ledger, open } = await setUp();
      ledger.remainingMs = 4_000;
      ledger.faults.extend.push({
        kind: "answer",
        acted: false,
        status: 409,
        body: refusal(409, "MAX_EXTENSIONS_EXCEEDED").body,
      });
      const observer = new Observer();
      const lost: unknown[] = [];
      observer.on("lease-lost", (event) => lost.push(event));
      let aborted = false;
      const call = withReservation(
        open({ ttlMs: 4_000, observer }),
        request,
        async (reservation) => {
          await new Promise((resolve) => setTimeout(resolve, 1_800));
          aborted = reservation.signal.aborted;
        },
        { ...spend, leaseLoss },
      );
      const outcome = await call.then(
        () => "returned",
        (error: Error) => error.name,
      );
      expect(outcome).toBe(leaseLoss === "fail_on_finalize" ? "SettlementError" : "returned");
      expect(aborted).toBe(leaseLoss === "cancel");
      expect(lost).toEqual([expect.objectContaining({ reservationId: "rsv_1" })]);
      expect(ledger.charges).toEqual([expect.objectContaining({ amount: 7 })]);
    },
  );
});
