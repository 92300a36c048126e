import { chmod, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RecordStore, type SettlementInstruction } from "@imprest/core";
import { instructionKey, instructionPrefix, writeInstruction } from "@imprest/core/internal";
import type { QuarantinedRecord } from "@imprest/core/node";
import { type FleetJournalOptions, fleetJournal } from "@imprest/cycles/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../../../core/test/node/temporary-directory.ts";
import { contentOf, recordStoreContract } from "../../../core/test/records/record-store-contract.ts";

const baseUrl = "http://localhost:7878";
const target = `${baseUrl}#tenant=acme`;
const prefix = instructionPrefix("cycles", target);
/** Study of the fleet's clients, section 4a: what they derive for this server and tenant, and for a reservation. */
const fingerprint = "4eb53c28893cdf51";
const fileOfRsv1 = "v2-228a13c45c8ee9206cbfaed7b632dd9245a4706eab19b19b41a3b8b71152d9ab.json";

function open(dir: string, more: Partial<FleetJournalOptions> = {}): RecordStore {
  return fleetJournal({ dir, baseUrl, subject: { tenant: "acme" }, ...more });
}

function commitOf(reservationId: string, more: Partial<SettlementInstruction> = {}): SettlementInstruction {
  return {
    protocol: "cycles",
    target,
    reservationId,
    idempotencyKey: "key-1",
    kind: "commit",
    mode: "commit",
    body: '{"idempotency_key":"key-1","actual":{"unit":"USD_MICROCENTS","amount":9223372036854775807}}',
    fallback:
      '{"idempotency_key":"key-1","subject":{"tenant":"acme"},"action":{"kind":"k","name":"n"},"actual":{"unit":"USD_MICROCENTS","amount":9223372036854775807},"overage_policy":"REJECT"}',
    recordedAtMs: 1_800_000_000_000,
    notBeforeMs: 0,
    spent: { unit: "USD_MICROCENTS", amount: "9223372036854775807" },
    ...more,
  };
}

const put = (store: RecordStore, instruction: SettlementInstruction): Promise<string | undefined> =>
  store.create(instructionKey(instruction), writeInstruction(instruction));

recordStoreContract("fleetJournal, for what the fleet has no shape for", async () => {
  const dir = await temporaryDirectory();
  return { store: open(dir), reopen: () => open(dir) };
});

describe("fleetJournal keeps the fleet's format", () => {
  it("the folder and file names of the vectors, the members in their order, the modes", async () => {
    const dir = join(await temporaryDirectory(), "journal");
    const before = process.umask(0);
    await put(open(dir), commitOf("rsv_1")).finally(() => process.umask(before));
    const folder = join(dir, fingerprint);
    expect(await readdir(folder)).toEqual([fileOfRsv1]);
    const text = await readFile(join(folder, fileOfRsv1), "utf8");
    const { body, fallback } = commitOf("rsv_1");
    expect(text).toBe(
      `{"version":1,"reservation_id":"rsv_1","base_url":"${baseUrl}","mode":"commit","commit_body":${body},` +
        `"event_fallback_body":${fallback},"recorded_at_ms":1800000000000,"not_before_ms":null}`,
    );
    expect((await stat(join(folder, fileOfRsv1))).mode & 0o777).toBe(0o600);
    for (const path of [dir, folder]) expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it("the folder of a key, where there is no tenant; the key stands nowhere in it", async () => {
    const dir = await temporaryDirectory();
    const store = open(dir, { subject: undefined, apiKey: async () => "k" });
    await put(store, commitOf("rsv_1", { target: baseUrl }));
    expect(await readdir(join(dir, "89f88bfef5db05bf"))).toEqual([fileOfRsv1]);
    expect(() => fleetJournal({ dir, baseUrl })).toThrow("subject.tenant or apiKey");
  });

  it("another client's record is ours to finish, whatever its white space, and is left byte for byte until then", async () => {
    const dir = await temporaryDirectory();
    await mkdir(join(dir, fingerprint), { recursive: true });
    const theirs = JSON.stringify(
      {
        version: 1,
        reservation_id: "rsv_1",
        base_url: baseUrl,
        commit_body: { idempotency_key: "theirs", actual: { unit: "TOKENS", amount: 12 }, metadata: { é: 1.5 } },
        event_fallback_body: { idempotency_key: "theirs", actual: { unit: "TOKENS", amount: 12 } },
        recorded_at_ms: 1_800_000_000_123,
        not_before_ms: 1_800_000_009_000,
      },
      undefined,
      1,
    );
    const path = join(dir, fingerprint, fileOfRsv1);
    await writeFile(path, theirs);
    const store = open(dir);
    const [[key, value] = ["", null]] = [...(await contentOf(store))];
    expect(key).toBe(`${prefix}rsv_1:theirs:commit:12`);
    expect(value).toEqual({
      protocol: "cycles",
      target,
      reservationId: "rsv_1",
      idempotencyKey: "theirs",
      kind: "commit",
      mode: "commit",
      body: '{"idempotency_key":"theirs","actual":{"unit":"TOKENS","amount":12},"metadata":{"é":1.5}}',
      fallback: '{"idempotency_key":"theirs","actual":{"unit":"TOKENS","amount":12}}',
      recordedAtMs: 1_800_000_000_123,
      notBeforeMs: 1_800_000_009_000,
      spent: { unit: "TOKENS", amount: "12" },
    });
    expect(await readFile(path, "utf8")).toBe(theirs);
    expect(await store.delete(key)).toBe(true);
    expect(await readdir(join(dir, fingerprint))).toEqual([]);
  });

  it("what is written is read back the same, by a journal that never saw it", async () => {
    const id = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" });
    const instructions = fc.record({
      reservationId: id,
      idempotencyKey: fc.stringMatching(/^[!-~]{1,40}$/),
      mode: fc.constantFrom("commit", "event"),
      notBeforeMs: fc.nat(),
      amount: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      metadata: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constant(null))),
    });
    await fc.assert(
      fc.asyncProperty(instructions, async ({ amount, metadata, mode, ...rest }) => {
        const dir = await temporaryDirectory();
        const spent = { unit: "TOKENS", amount: amount.toString() };
        const body = `{"idempotency_key":${JSON.stringify(rest.idempotencyKey)},"actual":{"unit":"TOKENS","amount":${amount}},"metadata":${JSON.stringify(metadata)}}`;
        // An integer-like member comes first in every JavaScript object, so a body cannot hold it elsewhere.
        fc.pre(!Object.keys(metadata).some((name) => /^\d+$/.test(name) || name === "__proto__"));
        const { fallback, ...plain } = commitOf("rsv", { ...rest, mode, body, spent });
        const instruction = mode === "commit" ? { ...plain, fallback: fallback ?? "" } : plain;
        const version = await put(open(dir), instruction);
        const fresh = open(dir);
        expect(await fresh.read(instructionKey(instruction))).toEqual({
          key: instructionKey(instruction),
          value: writeInstruction(instruction),
          version,
        });
        expect(await put(fresh, instruction)).toBeUndefined();
        expect(await fresh.delete(instructionKey(instruction), "other")).toBe(false);
        expect(await fresh.delete(instructionKey(instruction), version)).toBe(true);
        expect(await readdir(join(dir, fingerprint))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  }, 30_000);

  it("the switch to an event keeps the commit beside it, as the fleet has it", async () => {
    const dir = await temporaryDirectory();
    const store = open(dir);
    const commit = commitOf("rsv_1", { notBeforeMs: 5 });
    const version = (await put(store, commit)) ?? "";
    const { fallback = "", ...rest } = commit;
    const event = { ...rest, mode: "event", body: fallback, notBeforeMs: 0 };
    expect(await store.replace(instructionKey(event), writeInstruction(event), "stale")).toBeUndefined();
    expect(await store.replace(instructionKey(event), writeInstruction(event), version)).toBeDefined();
    const written = JSON.parse(await readFile(join(dir, fingerprint, fileOfRsv1), "utf8")) as Record<string, unknown>;
    expect(written).toMatchObject({
      mode: "event",
      commit_body: JSON.parse(commit.body) as object,
      not_before_ms: null,
    });
    expect([...(await contentOf(open(dir))).values()]).toEqual([writeInstruction(event)]);
  });
});

describe("fleetJournal leaves nothing unread and nothing lost", () => {
  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["a later version", '{"version":2,"reservation_id":"r","commit_body":{"idempotency_key":"k"}}'],
    ["no version", '{"reservation_id":"r","commit_body":{"idempotency_key":"k"}}'],
    ["a null mode", '{"version":1,"reservation_id":"r","mode":null,"commit_body":{"idempotency_key":"k"}}'],
    ["an unknown mode", '{"version":1,"reservation_id":"r","mode":"x","commit_body":{"idempotency_key":"k"}}'],
    ["no body", '{"version":1,"reservation_id":"r","mode":"event","commit_body":{"idempotency_key":"k"}}'],
    ["an array for a body", '{"version":1,"reservation_id":"r","commit_body":[]}'],
    ["no reservation", '{"version":1,"reservation_id":"","commit_body":{"idempotency_key":"k"}}'],
    ["no key to send it under", '{"version":1,"reservation_id":"r","commit_body":{}}'],
  ])("CR-DURABLE-005: sets aside what cannot be replayed, tells it, replays the others: %s", async (_name, text) => {
    const dir = await temporaryDirectory();
    await put(open(dir), commitOf("rsv_1"));
    const folder = join(dir, fingerprint);
    await writeFile(join(folder, "v2-bad.json"), text);
    await writeFile(join(folder, "v2-bad.corrupt"), "an earlier one");
    const told: QuarantinedRecord[] = [];
    const store = open(dir, { onQuarantine: (record) => told.push(record) });
    expect([...(await contentOf(store)).keys()]).toEqual([`${prefix}rsv_1:key-1:commit:9223372036854775807`]);
    const aside = expect.stringMatching(/v2-bad\.[0-9a-f]+\.corrupt$/) as string;
    expect(told).toEqual([{ path: aside, reason: expect.any(String) as string }]);
    expect(await readFile(told[0]?.path ?? "", "utf8")).toBe(text);
    expect(await readFile(join(folder, "v2-bad.corrupt"), "utf8")).toBe("an earlier one");
  });

  it("CR-DURABLE-007: legacy names move to their own; colliding reservations both stay; a copy of a newer one goes", async () => {
    const dir = await temporaryDirectory();
    const folder = join(dir, fingerprint);
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    const legacy = (id: string, key: string): string =>
      `{"version":1,"reservation_id":"${id}","base_url":"${baseUrl}","commit_body":{"idempotency_key":"${key}"},"recorded_at_ms":1}`;
    // "a/b" and "a.b" both had the legacy name a_b.json; the second found it taken and was kept under another.
    await writeFile(join(folder, "a_b.json"), legacy("a/b", "k1"));
    await writeFile(join(folder, "a_b-2.json"), legacy("a.b", "k2"));
    await put(open(dir), commitOf("rsv_1"));
    await writeFile(join(folder, "rsv_1.json"), legacy("rsv_1", "stale"));
    const keys = [...(await contentOf(open(dir))).keys()].sort();
    expect(keys).toEqual([
      `${prefix}a.b:k2:commit:?`,
      `${prefix}a/b:k1:commit:?`,
      `${prefix}rsv_1:key-1:commit:9223372036854775807`,
    ]);
    const names = await readdir(folder);
    expect(names).toHaveLength(3);
    expect(names.every((name) => /^v2-[0-9a-f]{64}\.json$/.test(name))).toBe(true);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect([...(await contentOf(open(dir))).keys()].sort()).toEqual(keys);
  });

  it("leaves another server's records in the same folder alone", async () => {
    const dir = await temporaryDirectory();
    const folder = join(dir, fingerprint);
    await mkdir(folder, { recursive: true });
    const text =
      '{"version":1,"reservation_id":"rsv_1","base_url":"http://other","commit_body":{"idempotency_key":"k"}}';
    await writeFile(join(folder, fileOfRsv1), text);
    const store = open(dir);
    expect(await contentOf(store)).toEqual(new Map());
    expect(await store.read(`${prefix}rsv_1:k:commit:?`)).toBeUndefined();
    expect(await readFile(join(folder, fileOfRsv1), "utf8")).toBe(text);
  });

  it("releases stand beside the fleet's folder, not in it, and are found again", async () => {
    const dir = await temporaryDirectory();
    const release = commitOf("rsv_1", { kind: "release", mode: "release", body: '{"idempotency_key":"key-1"}' });
    await put(open(dir), release);
    expect(await readdir(join(dir, "imprest", fingerprint))).toHaveLength(1);
    await expect(readdir(join(dir, fingerprint))).rejects.toThrow("ENOENT");
    expect([...(await contentOf(open(dir), prefix)).keys()]).toEqual([instructionKey(release)]);
  });
});
