import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hex } from "@imprest/core/internal";
import {
  type Ed25519KeyPair,
  type Jwk,
  createRemoteKeySet,
  generateKeyPair,
  keyPairFromJwk,
} from "@imprest/core/audit";
import type { CyclesEvidenceRef } from "@imprest/core/models/cycles";
import { type EvidenceJwk, verifyEvidence } from "@imprest/cycles/evidence";
import { afterAll, describe, expect, it } from "vitest";
import { sqliteStore } from "../../src/node/index.ts";
import { FakeClock, MapStore, WireCaller } from "../support.ts";
import {
  SigningWorld,
  attestedPartOf,
  authentic,
  referenceOf,
  serverId,
  transportTo,
  trustedOrigins,
} from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "imprest-evidence-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kidOf = (keyPair: Ed25519KeyPair): string => hex(keyPair.publicKey).slice(0, 16);

/** Windows that follow each other without a gap, an overlap or an empty one; only the last is open. */
function assertLawfulWindows(keys: readonly EvidenceJwk[]): void {
  for (const [at, { cycles_nbf_ms: begin, cycles_exp_ms: end, status }] of keys.entries()) {
    const next = keys[at + 1];
    expect(end).toBe(next?.cycles_nbf_ms ?? null);
    expect(status).toBe(next === undefined ? "active" : "retired");
    if (end !== null) expect(end).toBeGreaterThan(begin);
  }
  expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
}

describe("rotating the key", () => {
  it("keeps what the old key signed authentic, and signs with the new one at once, within one millisecond too", async () => {
    const world = await new SigningWorld().open();
    const references = [referenceOf(await world.reserve())];
    for (let turn = 0; turn < 3; turn += 1) {
      await world.evidence.rotateKey();
      references.push(referenceOf(await world.reserve()));
    }
    const reports = await Promise.all(references.map((reference) => world.verify(reference)));
    for (const report of reports) expect(report).toMatchObject(authentic);
    const keys = await world.evidence.listKeys();
    assertLawfulWindows(keys);
    expect(reports.map(({ envelope }) => envelope?.signer_did.split("#")[1])).toEqual(keys.map(({ kid }) => kid));
  });

  it("several at once, and between answers that are under way", async () => {
    const world = await new SigningWorld().open();
    const answers = await Promise.all(
      Array.from({ length: 9 }, async (_, at) => {
        if (at % 3 === 2) await world.evidence.rotateKey();
        return world.reserve({ estimate: { unit: "TOKENS", amount: 1 } });
      }),
    );
    assertLawfulWindows(await world.evidence.listKeys());
    expect(await world.evidence.listKeys()).toHaveLength(4);
    for (const answer of answers) expect(await world.verify(referenceOf(answer))).toMatchObject(authentic);
  });

  it("a verifier that has the old key set finds the new key", async () => {
    const world = await new SigningWorld().open();
    const transport = transportTo(world.authority);
    const keys = createRemoteKeySet({ trustedOrigins, transport, coolDownMs: 0 });
    for (let turn = 0; turn < 2; turn += 1) {
      const { evidence_id: id } = referenceOf(await world.reserve());
      const text = (await world.acme.send("GET", `/v1/evidence/${id}`, undefined)).body;
      expect(await verifyEvidence(JSON.stringify(text), { keys })).toMatchObject(authentic);
      await world.evidence.rotateKey();
    }
  });

  it("an operator's own key signs, is refused once it is over, and must be one pair", async () => {
    const [first, second] = [await generateKeyPair(), await generateKeyPair()];
    const world = await new SigningWorld({ evidence: { serverId, keyPair: first } }).open();
    expect(await world.evidence.listKeys()).toMatchObject([{ kid: kidOf(first) }]);
    expect(await world.evidence.rotateKey({ keyPair: second })).toMatchObject({ kid: kidOf(second) });
    await expect(world.evidence.rotateKey({ keyPair: first })).rejects.toThrow("signed before");
    const halves = { publicKey: first.publicKey, privateKey: second.privateKey };
    await expect(world.evidence.rotateKey({ keyPair: halves })).rejects.toThrow("do not belong together");
    expect(await world.verify(referenceOf(await world.reserve()))).toMatchObject(authentic);
  });
});

describe("a restart", () => {
  it("over SQLite keeps envelopes, references and keys; the private half of a retired key is gone", async () => {
    const file = join(folder, "ledger.sqlite");
    const first = await new SigningWorld({ store: sqliteStore({ file }) }).open();
    const old = referenceOf(await first.reserve({ idempotency_key: "old" }));
    await first.evidence.rotateKey();
    const reserved = await first.reserve({ idempotency_key: "k" });
    const keys = await first.evidence.listKeys();
    await first.authority.close();

    const second = new SigningWorld({ store: sqliteStore({ file }), clock: first.clock });
    second.acme = new WireCaller(second.authority, first.acme.key);
    expect(await second.evidence.listKeys()).toEqual(keys);
    expect(referenceOf(await second.reserve({ idempotency_key: "k" }))).toEqual(referenceOf(reserved));
    for (const reference of [old, referenceOf(reserved), referenceOf(await second.settle(reserved, "release"))]) {
      expect(await second.verify(reference)).toMatchObject(authentic);
    }
    await second.authority.close();
    const stored = [...sqliteEntries(file)].filter(([key]) => key.startsWith("evidence-key/"));
    const withPrivateHalf = stored.filter(([, text]) => text.includes('"d":'));
    expect([stored.length, withPrivateHalf.length]).toEqual([2, 1]);
    expect(withPrivateHalf[0]?.[0]).toBe(`evidence-key/${keys[1]?.kid}`);
  });

  it("with a wall clock that was set back dates nothing before its key", async () => {
    const store = new MapStore();
    const first = await new SigningWorld({ store }).open();
    const before = referenceOf(await first.reserve());
    await first.authority.close();
    const clock = new FakeClock();
    clock.jump(-3_600_000);
    const second = new SigningWorld({ store: new MapStore(store.disk), clock });
    second.acme = new WireCaller(second.authority, first.acme.key);
    const [one] = [referenceOf(await second.reserve())];
    await second.evidence.rotateKey();
    const two = referenceOf(await second.reserve());
    assertLawfulWindows(await second.evidence.listKeys());
    for (const reference of [before, one, two]) expect(await second.verify(reference)).toMatchObject(authentic);
  });

  it("and a rotation before anything is signed leave no window empty, whatever the clock says", async () => {
    const store = new MapStore();
    const first = new SigningWorld({ store });
    await first.evidence.rotateKey();
    await first.authority.close();
    const clock = new FakeClock();
    clock.jump(-3_600_000);
    const second = await new SigningWorld({ store: new MapStore(store.disk), clock }).open();
    await second.evidence.rotateKey();
    const keys = await second.evidence.listKeys();
    assertLawfulWindows(keys);
    expect(keys).toHaveLength(3);
    expect(await second.verify(referenceOf(await second.reserve()))).toMatchObject(authentic);
  });

  it("after a crash that lost an envelope, and the answer with it: the replay is attested", async () => {
    const store = new MapStore();
    const first = await new SigningWorld({ store }).open();
    const answer = await first.reserve({ idempotency_key: "k" });
    await first.authority.close();
    store.disk.delete(`evidence/${referenceOf(answer).evidence_id}`);
    const second = new SigningWorld({ store: new MapStore(store.disk), clock: first.clock });
    second.acme = new WireCaller(second.authority, first.acme.key);
    const replay = await second.reserve({ idempotency_key: "k" });
    expect(attestedPartOf(replay)).toEqual(attestedPartOf(answer));
    expect(await second.verify(referenceOf(replay))).toMatchObject(authentic);
  });

  it("under another server id signs a replay again, in the new name", async () => {
    const store = new MapStore();
    const moved = `${serverId}/moved/v1`;
    const first = await new SigningWorld({ store, evidence: { serverId: moved } }).open();
    const before = referenceOf(await first.reserve({ idempotency_key: "k" }));
    await first.authority.close();
    const second = new SigningWorld({ store: new MapStore(store.disk), clock: first.clock });
    second.acme = new WireCaller(second.authority, first.acme.key);
    const after = referenceOf(await second.reserve({ idempotency_key: "k" }));
    expect(after.evidence_id).not.toBe(before.evidence_id);
    expect(await second.verify(after)).toMatchObject(authentic);
  });

  it("with the operator's own key that the store made: its private half leaves the store", async () => {
    const store = new MapStore();
    const first = new SigningWorld({ store });
    const [made] = await first.evidence.listKeys();
    await first.authority.close();
    const keyPair = await keyPairFromJwk(JSON.parse(store.disk.get(`evidence-key/${made?.kid}`) ?? "") as Jwk);
    const second = new SigningWorld({ store: new MapStore(store.disk), evidence: { serverId, keyPair } });
    expect(await second.evidence.listKeys()).toEqual([made]);
    await second.authority.close();
    expect(store.disk.get(`evidence-key/${made?.kid}`)).not.toContain('"d":');
  });

  it("with another key of the operator's is a rotation; with the same it is none; no private half is stored", async () => {
    const store = new MapStore();
    const pairs = [await generateKeyPair(), await generateKeyPair()];
    const references: CyclesEvidenceRef[] = [];
    let apiKey = "";
    for (const keyPair of [pairs[0], pairs[0], pairs[1]]) {
      const world = new SigningWorld({ store: new MapStore(store.disk), evidence: { serverId, keyPair } });
      if (apiKey === "") apiKey = (await world.open()).acme.key;
      world.acme = new WireCaller(world.authority, apiKey);
      references.push(referenceOf(await world.reserve()));
      for (const reference of references) expect(await world.verify(reference)).toMatchObject(authentic);
      await world.authority.close();
    }
    const stored = [...store.disk].filter(([key]) => key.startsWith("evidence-key/"));
    expect(stored).toHaveLength(2);
    expect(stored.some(([, text]) => text.includes('"d":'))).toBe(false);
    // Without the operator's key, whose private half nobody kept, a fresh one takes over.
    const world = new SigningWorld({ store: new MapStore(store.disk) });
    assertLawfulWindows(await world.evidence.listKeys());
    expect(await world.evidence.listKeys()).toHaveLength(3);
  });
});

describe("a store that was tampered with", () => {
  async function reopened(tamper: (disk: Map<string, string>) => void) {
    const store = new MapStore();
    const first = await new SigningWorld({ store }).open();
    const reference = referenceOf(await first.reserve({ idempotency_key: "k" }));
    await first.authority.close();
    tamper(store.disk);
    const world = new SigningWorld({ store: new MapStore(store.disk) });
    world.acme = new WireCaller(world.authority, first.acme.key);
    return { world, reference };
  }

  function change(disk: Map<string, string>, prefix: string, edit: (text: string) => string): void {
    for (const [key, text] of disk) if (key.startsWith(prefix)) disk.set(key, edit(text));
  }

  it("an altered envelope is found out by whoever reads it", async () => {
    const { world, reference } = await reopened((disk) => {
      change(disk, "evidence/", (text) => text.replaceAll('\\"amount\\":100', '\\"amount\\":1'));
    });
    const report = await world.verify(reference);
    expect(report).toMatchObject({ disposition: "signature_invalid", findings: [{ code: "evidence_id_mismatch" }] });
    expect(report.envelope).toBeUndefined();
  });

  it("an exchanged key verifies nothing that the old one signed", async () => {
    const { world, reference } = await reopened((disk) => {
      for (const key of disk.keys()) if (key.startsWith("evidence-key/")) disk.delete(key);
    });
    expect((await world.verify(reference)).disposition).toBe("signer_authority_failed");
  });

  it.each([
    ["halves that do not belong together", (text: string) => text.replace(/"d":"..../, '"d":"AAAA')],
    ["no JSON", () => "{"],
    ["no key", () => "{}"],
  ])("a key with %s: nothing is signed or published, and the operator is told", async (_, edit) => {
    const { world } = await reopened((disk) => change(disk, "evidence-key/", edit));
    await expect(world.evidence.listKeys()).rejects.toThrow("cannot be read");
    await expect(world.evidence.rotateKey()).rejects.toThrow("cannot be read");
    expect((await world.acme.get("/v1/.well-known/cycles-jwks.json")).status).toBe(500);
    const answer = await world.reserve();
    expect(answer.status).toBe(200);
    expect(answer.body).not.toHaveProperty("cycles_evidence");
  });

  it("an envelope's entry that is no JSON stops the authority from opening", async () => {
    await expect(reopened((disk) => change(disk, "evidence/", () => "{"))).rejects.toThrow("cannot be read");
  });
});

function* sqliteEntries(file: string): Generator<readonly [string, string]> {
  const store = sqliteStore({ file });
  yield* store.load();
  store.close();
}
