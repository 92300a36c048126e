import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Observer, SpendUnknownError, type Settlement, settlementQueue, usdMicrocents } from "@imprest/core";
import { CyclesAuthority, withReservation } from "@imprest/cycles";
import { describe, expect, it, vi } from "vitest";
import { contentOf } from "../../packages/core/test/records/record-store-contract.ts";
import { refusal } from "./support/ledger-server.ts";
import { filesIn, startLedger, textIn } from "./support/setup.ts";
import { recoverWith, startWorker } from "./support/start-worker.ts";
import { type StoreName, openStore } from "./support/stores.ts";

// Every scenario of the client recovery profile 0.3, over real HTTP; what is durable, with processes killed by SIGKILL.

const request = {
  estimate: usdMicrocents(10n),
  action: { kind: "llm.completion", name: "model", tags: ["t"] },
  subject: { workspace: "prod" },
  metadata: { job: "j1" },
};
const spend = { spend: () => usdMicrocents(7n) };

function authorityAt(baseUrl: string, more: ConstructorParameters<typeof CyclesAuthority>[1] = {}): CyclesAuthority {
  const client = { baseUrl, apiKey: "api-key-a", subject: { tenant: "acme" }, timeoutMs: 1_000 };
  return new CyclesAuthority(client, { terms: { overage_policy: "REJECT" }, ...more });
}

/** The final outcome, however many attempts it takes. */
async function settle(
  authority: CyclesAuthority,
  body: () => unknown = () => 1,
): Promise<{ readonly first: Settlement; readonly last: Settlement }> {
  const outcomes: Settlement[] = [];
  const { settlement } = await withReservation(authority, request, body, {
    ...spend,
    onSettlement: (outcome) => outcomes.push(outcome),
  });
  await vi.waitFor(() => expect(outcomes.at(-1)?.status).not.toBe("pending"), { timeout: 20_000 });
  await settlementQueue(authority).close({ timeoutMs: 1_000 });
  return { first: settlement, last: outcomes.at(-1) ?? settlement };
}

async function leftIn(name: StoreName, dir: string, baseUrl: string): Promise<Map<string, unknown>> {
  const store = openStore(name, dir, baseUrl);
  const content = await contentOf(store);
  await store.close?.();
  return content;
}

const operations = (seen: readonly { readonly operation: string }[]): string[] =>
  seen.map(({ operation }) => operation);
const distinct = (values: readonly unknown[]): number => new Set(values).size;

describe("CR-CORE-001", () => {
  it("a lost commit response is asked for again under the same key and with the same bytes; it is booked once", async () => {
    const { ledger } = await startLedger();
    ledger.faults.commit.push({ kind: "reset", acted: true });
    const { first, last } = await settle(authorityAt(ledger.url));
    expect([first.status, last.status]).toEqual(["pending", "committed"]);
    expect(operations(ledger.settlements)).toEqual(["commit", "commit"]);
    expect(distinct(ledger.settlements.map(({ key, body }) => key + body))).toBe(1);
    expect(ledger.charges).toHaveLength(1);
  });
});

describe("CR-CORE-002", () => {
  it("an expired commit becomes an event, same key, with all that the reservation said", async () => {
    const { ledger } = await startLedger();
    ledger.allExpired = true;
    const { settlement } = await withReservation(authorityAt(ledger.url), request, (reservation) => {
      reservation.spend(usdMicrocents(7n), { inputTokens: 3 }, { metadata: { step: 2 } });
    });
    expect(settlement).toMatchObject({ status: "recorded", charged: usdMicrocents(7n) });
    const [commit, event] = ledger.settlements;
    expect(operations(ledger.settlements)).toEqual(["commit", "event"]);
    expect(event?.key).toBe(commit?.key);
    const { subject, action } = ledger.seen[0]?.json ?? {};
    expect(event?.json).toEqual({
      idempotency_key: commit?.key,
      subject,
      action,
      actual: { unit: "USD_MICROCENTS", amount: 7 },
      overage_policy: "REJECT",
      metrics: { tokens_input: 3 },
      metadata: { step: 2 },
    });
    expect(ledger.charges).toEqual([expect.objectContaining({ amount: 7 })]);
  });
});

describe("CR-CORE-003", () => {
  it("a failed heartbeat is emitted with its reservation and what follows, repeated under its key; the call goes on", async () => {
    const { ledger } = await startLedger();
    ledger.remainingMs = 4_000;
    ledger.faults.extend.push({ kind: "reset", acted: false });
    const observer = new Observer();
    const told: unknown[] = [];
    observer.on("retry", (event) => told.push(event));
    const body = () => new Promise((resolve) => setTimeout(resolve, 2_600));
    const { last } = await settle(authorityAt(ledger.url, { observer, ttlMs: 4_000 }), body);
    expect(last.status).toBe("committed");
    const extensions = ledger.seen.filter(({ operation }) => operation === "extend");
    expect(extensions.length).toBeGreaterThanOrEqual(2);
    expect(extensions[1]?.key).toBe(extensions[0]?.key);
    expect(ledger.seen.at(-1)?.operation).toBe("commit");
    expect(told).toEqual([
      expect.objectContaining({ operation: "extend", reservationId: "rsv_1", delayMs: expect.any(Number) as number }),
    ]);
  });
});

describe("CR-CORE-004", () => {
  it.each([
    ["a body that is no commit's", 200, { status: "DONE" }],
    ["no charge in it", 200, { status: "COMMITTED" }],
    ["another success status", 202, { status: "COMMITTED", charged: { unit: "USD_MICROCENTS", amount: 7 } }],
    ["no body", 204, undefined],
  ])("only the protocol's own success ends a settlement, not %s", async (_name, status, body) => {
    const { ledger } = await startLedger();
    ledger.faults.commit.push({ kind: "answer", acted: true, status, body });
    const { first, last } = await settle(authorityAt(ledger.url));
    expect([first.status, last.status]).toEqual(["pending", "committed"]);
    expect(operations(ledger.settlements)).toEqual(["commit", "commit"]);
    expect(distinct(ledger.settlements.map(({ key }) => key))).toBe(1);
    expect(ledger.charges).toHaveLength(1);
  });
});

describe.each<StoreName>(["fleet", "file", "log"])("CR-DURABLE-001 with the %s store", (store) => {
  it.each([
    ["before the ledger acted", false],
    ["after the ledger acted", true],
  ])("killed in flight, %s: recorded before it was sent, sent again after the restart", async (_name, acted) => {
    const { ledger, dir } = await startLedger();
    ledger.faults.commit.push({ kind: "hang", acted });
    let whenSent = "";
    ledger.onRequest = ({ operation }) => void (operation === "commit" && (whenSent ||= textIn(dir)));
    const task = { store, dir, baseUrl: ledger.url, apiKey: "api-key-a" };
    const worker = startWorker({ ...task, work: "spend" });
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(1), { timeout: 15_000, interval: 1 });
    await worker.kill();
    const [{ key, body } = { key: "no request", body: "" }] = ledger.settlements;
    expect(whenSent).toContain(key);
    expect(textIn(dir)).toContain(key);
    const told = await recoverWith(task);
    expect(told).toEqual([{ what: "recovered", resumed: 1, pending: 0, failures: 0 }]);
    expect(ledger.settlements.map((seen) => [seen.operation, seen.key, seen.body])).toEqual([
      ["commit", key, body],
      ["commit", key, body],
    ]);
    expect(ledger.charges).toEqual([{ reservationId: "rsv_1", key, amount: 7 }]);
    expect(await leftIn(store, dir, ledger.url)).toEqual(new Map());
  });
});

describe.each<StoreName>(["fleet", "file", "log"])("CR-DURABLE-002 with the %s store", (store) => {
  it("the switch to the event is on the disk before the event leaves, and outlives a kill", async () => {
    const { ledger, dir } = await startLedger();
    const task = { store, dir, baseUrl: ledger.url, apiKey: "api-key-a" };
    ledger.faults.commit.push({ kind: "hang", acted: false });
    const first = startWorker({ ...task, work: "spend" });
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(1), { timeout: 15_000, interval: 1 });
    await first.kill();
    ledger.allExpired = true;
    ledger.faults.event.push({ kind: "hang", acted: true });
    let whenSent = "";
    ledger.onRequest = ({ operation }) => void (operation === "event" && (whenSent ||= textIn(dir)));
    const second = startWorker({ ...task, work: "recover" });
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(3), { timeout: 15_000, interval: 1 });
    await second.kill();
    expect(whenSent).toContain('"mode":"event"');
    const told = await recoverWith(task);
    expect(told).toEqual([{ what: "recovered", resumed: 1, pending: 0, failures: 0 }]);
    expect(operations(ledger.settlements)).toEqual(["commit", "commit", "event", "event"]);
    expect(distinct(ledger.settlements.map(({ key }) => key))).toBe(1);
    expect(ledger.charges).toHaveLength(1);
    expect(await leftIn(store, dir, ledger.url)).toEqual(new Map());
  });
});

describe.each<StoreName>(["fleet", "file", "log"])("CR-DURABLE-003 with the %s store", (store) => {
  it("nothing is sent before the Retry-After that an earlier process received", async () => {
    const { ledger, dir } = await startLedger();
    const task = { store, dir, baseUrl: ledger.url, apiKey: "api-key-a" };
    const { status, body } = refusal(429, "LIMIT_EXCEEDED");
    ledger.faults.commit.push({ kind: "answer", acted: false, status, body, headers: { "retry-after": "3" } });
    const worker = startWorker({ ...task, work: "spend" });
    await vi.waitFor(() => expect(worker.told).toMatchObject([{ status: "pending" }]), { timeout: 15_000 });
    await worker.kill();
    const told = await recoverWith(task);
    expect(told).toEqual([{ what: "recovered", resumed: 1, pending: 0, failures: 0 }]);
    const [commit, again] = ledger.settlements;
    expect(operations(ledger.settlements)).toEqual(["commit", "commit"]);
    expect(again?.key).toBe(commit?.key);
    expect((again?.at ?? 0) - (commit?.at ?? 0)).toBeGreaterThanOrEqual(2_990);
    expect(ledger.charges).toHaveLength(1);
    expect(await leftIn(store, dir, ledger.url)).toEqual(new Map());
  });
});

describe("CR-DURABLE-004", () => {
  it("a rotated key of the same tenant finds the record; no key is ever written down", async () => {
    const { ledger, dir } = await startLedger();
    const task = { store: "fleet" as const, dir, baseUrl: ledger.url };
    ledger.faults.commit.push({ kind: "hang", acted: false });
    const worker = startWorker({ ...task, apiKey: "old-api-key", work: "spend" });
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(1), { timeout: 15_000, interval: 1 });
    await worker.kill();
    expect(filesIn(dir)).toHaveLength(1);
    expect(textIn(dir) + filesIn(dir).join("")).not.toContain("old-api-key");
    ledger.apiKeys.add("new-api-key");
    const told = await recoverWith({ ...task, apiKey: "new-api-key" });
    expect(told).toEqual([{ what: "recovered", resumed: 1, pending: 0, failures: 0 }]);
    expect(ledger.settlements.map(({ apiKey }) => apiKey)).toEqual(["old-api-key", "new-api-key"]);
    expect(distinct(ledger.settlements.map(({ key }) => key))).toBe(1);
    expect(filesIn(dir)).toEqual([]);
  });
});

/** A record as a client in another language leaves it. */
function foreignRecord(baseUrl: string, reservationId: string, key: string, more: object = {}): string {
  const commit_body = { idempotency_key: key, actual: { unit: "USD_MICROCENTS", amount: 7 } };
  const recorded_at_ms = Date.now();
  return JSON.stringify({
    version: 1,
    reservation_id: reservationId,
    base_url: baseUrl,
    commit_body,
    recorded_at_ms,
    ...more,
  });
}

/** The fleet's folder of the ledger's tenant, made by a first use. */
async function fleetFolder(dir: string, baseUrl: string): Promise<string> {
  const { fleetFingerprint } = await import("../../packages/cycles/src/node/fleet-directory.ts");
  const folder = join(dir, await fleetFingerprint(baseUrl, { tenant: "acme" }));
  await mkdir(folder, { recursive: true });
  return folder;
}

describe("CR-DURABLE-005", () => {
  it("corrupt and unsupported records are set aside and reported; the valid one, from another language, is replayed", async () => {
    const { ledger, dir } = await startLedger();
    const folder = await fleetFolder(dir, ledger.url);
    await writeFile(join(folder, "v2-corrupt.json"), '{"version":1,"reserv');
    await writeFile(join(folder, "v2-later.json"), foreignRecord(ledger.url, "rsv_later", "k-later", { version: 2 }));
    await writeFile(join(folder, "rsv_valid.json"), foreignRecord(ledger.url, "rsv_valid", "k-valid"));
    const told = await recoverWith({ store: "fleet", dir, baseUrl: ledger.url, apiKey: "api-key-a" });
    expect(told.map((said) => (said.what === "quarantined" ? basename(said.path) : said))).toEqual([
      "v2-corrupt.corrupt",
      "v2-later.corrupt",
      { what: "recovered", resumed: 1, pending: 0, failures: 0 },
    ]);
    expect(ledger.seen.map(({ reservationId, key }) => [reservationId, key])).toEqual([["rsv_valid", "k-valid"]]);
    expect(filesIn(dir).map((path) => basename(path))).toEqual(["v2-corrupt.corrupt", "v2-later.corrupt"]);
    expect(await readFile(join(folder, "v2-later.corrupt"), "utf8")).toContain("rsv_later");
  });
});

describe.each<StoreName>(["fleet", "file"])("CR-DURABLE-006 with the %s store", (store) => {
  it.each([
    ["committed", false],
    ["expired", true],
  ])("two processes that replay one record at once settle it once and leave nothing: %s", async (_name, expired) => {
    const { ledger, dir } = await startLedger();
    const task = { store, dir, baseUrl: ledger.url, apiKey: "api-key-a" };
    ledger.faults.commit.push({ kind: "hang", acted: false });
    const worker = startWorker({ ...task, work: "spend" });
    await vi.waitFor(() => expect(ledger.settlements).toHaveLength(1), { timeout: 15_000, interval: 1 });
    await worker.kill();
    ledger.allExpired = expired;
    // Neither is answered before both have asked.
    let arrived = 0;
    let open = (): void => {};
    const both = new Promise<void>((resolve) => (open = resolve));
    ledger.onRequest = async ({ operation }) => {
      if (operation !== "commit") return;
      arrived += 1;
      if (arrived === 2) open();
      await both;
    };
    const told = await Promise.all([recoverWith(task), recoverWith(task)]);
    expect(told.flat()).toEqual([1, 2].map(() => ({ what: "recovered", resumed: 1, pending: 0, failures: 0 })));
    expect(distinct(ledger.settlements.map(({ key }) => key))).toBe(1);
    expect(operations(ledger.settlements)).toEqual(
      expired ? ["commit", "commit", "commit", "event", "event"] : ["commit", "commit", "commit"],
    );
    expect(ledger.charges).toHaveLength(1);
    expect(await leftIn(store, dir, ledger.url)).toEqual(new Map());
    expect(filesIn(dir)).toEqual([]);
  });
});

describe("CR-DURABLE-007", () => {
  it("reservations whose legacy names collide keep a file each, named by SHA-256, and are each settled as themselves", async () => {
    const { ledger, dir } = await startLedger();
    const folder = await fleetFolder(dir, ledger.url);
    await writeFile(join(folder, "a_b.json"), foreignRecord(ledger.url, "a/b", "k1"));
    await writeFile(join(folder, "a_b.2.json"), foreignRecord(ledger.url, "a.b", "k2"));
    const store = openStore("fleet", dir, ledger.url);
    expect((await contentOf(store)).size).toBe(2);
    const names = filesIn(folder).map((path) => basename(path));
    const { createHash } = await import("node:crypto");
    const standard = (id: string) => `v2-${createHash("sha256").update(id).digest("hex")}.json`;
    expect(names.toSorted()).toEqual([standard("a/b"), standard("a.b")].toSorted());
    const told = await recoverWith({ store: "fleet", dir, baseUrl: ledger.url, apiKey: "api-key-a" });
    expect(told).toEqual([{ what: "recovered", resumed: 2, pending: 0, failures: 0 }]);
    const settled = ledger.settlements.map(({ reservationId, key }) => `${reservationId} ${key}`);
    expect(settled.toSorted()).toEqual(["a.b k2", "a/b k1"]);
    expect(filesIn(dir)).toEqual([]);
  });
});

describe("CR-BOUNDARY-001", () => {
  it("a call that does not say what it cost settles nothing and says so; an operator finds it", async () => {
    const { ledger, dir } = await startLedger();
    const authority = authorityAt(ledger.url, { records: openStore("fleet", dir, ledger.url) });
    await expect(withReservation(authority, request, () => "value")).rejects.toThrow(SpendUnknownError);
    const failing = withReservation(authority, request, () => {
      throw new Error("the provider failed half way");
    });
    await expect(failing).rejects.toThrow("the provider failed half way");
    await settlementQueue(authority).close({ timeoutMs: 1_000 });
    expect(operations(ledger.seen)).toEqual(["create", "create"]);
    const letters: string[] = [];
    for await (const { kind } of settlementQueue(authority).deadLetters.list()) letters.push(kind);
    expect(letters).toEqual(["spend-unknown", "spend-unknown"]);
  });
});
