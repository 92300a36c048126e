import { hex } from "@imprest/core/internal";
import { createRemoteKeySet, publicKeyToJwk } from "@imprest/core/audit";
import { beforeAll, describe, expect, it } from "vitest";
import { type Ed25519KeyPair } from "@imprest/core/audit";
import { evidenceJwk, evidenceJwksUrl, evidenceSignerDid, verifyEvidence } from "../../src/evidence/index.ts";
import { commitEvidence, keyPair, keysOf, serverId, signAnything } from "./fixtures.ts";

// Published key sets of a server that rotated from `june` to `july` at 2000, and what each makes of an envelope.
let june: Ed25519KeyPair;
let july: Ed25519KeyPair;
let juneJwk: ReturnType<typeof evidenceJwk>;
let julyJwk: ReturnType<typeof evidenceJwk>;
beforeAll(async () => {
  [june, july] = [await keyPair(6), await keyPair(7)];
  juneJwk = evidenceJwk(june.publicKey, "june", { notBeforeMs: 1000, notAfterMs: 2000 });
  julyJwk = evidenceJwk(july.publicKey, "july", { notBeforeMs: 2000 });
});

type Form = "did" | "raw hex";

async function verdict(jwks: readonly object[], atMs: number, form: Form, pair: Ed25519KeyPair, kid: string) {
  const text = await commitEvidence({ serverId, keyPair: pair, ...(form === "did" ? { kid } : {}) }, atMs);
  const { disposition, findings } = await verifyEvidence(text, { keys: keysOf(jwks) });
  return [disposition, ...findings.map(({ code }) => code)];
}

describe.each<Form>(["did", "raw hex"])("key sets, signer as %s", (form) => {
  it("rotation: each key for its own time, the retired one included", async () => {
    const jwks = [juneJwk, julyJwk];
    expect(await verdict(jwks, 1000, form, june, "june")).toEqual(["authentic"]);
    expect(await verdict(jwks, 1999, form, june, "june")).toEqual(["authentic"]);
    expect(await verdict(jwks, 2000, form, july, "july")).toEqual(["authentic"]);
    expect(await verdict(jwks, Date.UTC(2100, 0), form, july, "july")).toEqual(["authentic"]);
  });

  it("outside its window: the key is known and has no authority", async () => {
    const outside = ["signer_authority_failed", "outside_window"];
    expect(await verdict([juneJwk, julyJwk], 999, form, june, "june")).toEqual(outside);
    expect(await verdict([juneJwk, julyJwk], 2000, form, june, "june")).toEqual(outside);
    expect(await verdict([juneJwk, julyJwk], 1999, form, july, "july")).toEqual(outside);
  });

  it("never selects by status or recency", async () => {
    const lying = [
      { ...juneJwk, status: "active" },
      { ...julyJwk, status: "retired" },
    ];
    expect(await verdict(lying, 2000, form, june, "june")).toEqual(["signer_authority_failed", "outside_window"]);
    expect(await verdict(lying, 2000, form, july, "july")).toEqual(["authentic"]);
  });

  it("duplicate kid: the set refuses, whichever key signed", async () => {
    const duplicated = [juneJwk, { ...julyJwk, kid: "june" }];
    expect(await verdict(duplicated, 1500, form, june, "june")).toEqual(["signer_authority_failed", "duplicate_kid"]);
    expect(await verdict(duplicated, 2500, form, july, "june")).toEqual(["signer_authority_failed", "duplicate_kid"]);
  });

  it.each<[string, object]>([
    ["wrong algorithm", { alg: "ES256" }],
    ["an algorithm that only the specification refuses", { alg: "Ed25519" }],
    ["wrong key type", { kty: "EC" }],
    ["wrong curve", { crv: "X25519" }],
    ["a short x", { x: "AAAA" }],
    ["a padded x", { x: `${"A".repeat(43)}=` }],
    ["a small-order key", { x: `AQ${"A".repeat(41)}` }],
    ["no start", { cycles_nbf_ms: undefined }],
    ["a start in words", { cycles_nbf_ms: "1000" }],
    ["a start that is no whole number", { cycles_nbf_ms: 1000.5 }],
    ["an end in words", { cycles_exp_ms: "2000" }],
    ["its private part published", { d: "A".repeat(43) }],
  ])("%s: the key is no candidate", async (_name, change) => {
    const [disposition] = await verdict([{ ...juneJwk, ...change }, julyJwk], 1500, form, june, "june");
    expect(disposition).toBe("signer_authority_failed");
  });

  it("an absent alg and an absent end are fine, unknown members are ignored", async () => {
    const bare = { ...publicKeyToJwk(june.publicKey, "june"), cycles_nbf_ms: 0, x5c: ["?"], use: "sig" };
    expect(await verdict([bare], 5000, form, june, "june")).toEqual(["authentic"]);
  });

  it("a key that is not listed has no authority", async () => {
    expect(await verdict([julyJwk], 2500, form, june, "june")).toEqual(["signer_authority_failed", "unknown_key"]);
    expect(await verdict([], 2500, form, june, "june")).toEqual(["signer_authority_failed", "unknown_key"]);
  });

  it("a set that cannot be obtained is not a forgery", async () => {
    const text = await commitEvidence({ serverId, keyPair: june, ...(form === "did" ? { kid: "june" } : {}) }, 1500);
    const keys = createRemoteKeySet({ trustedOrigins: [] });
    const report = await verifyEvidence(text, { keys });
    expect(report).toMatchObject({
      disposition: "signer_resolution_failed",
      findings: [{ code: "origin_not_trusted" }],
    });
    expect(report.envelope).toBeUndefined();
  });

  it("asks for the set below the server id, with the time of issue", async () => {
    const asked: string[] = [];
    const transport = async ({ url }: { url: string }) => {
      asked.push(url);
      return { status: 200, headers: {}, body: JSON.stringify({ keys: [juneJwk], note: "more members are allowed" }) };
    };
    const keys = createRemoteKeySet({ trustedOrigins: ["https://cycles.example"], transport });
    const text = await commitEvidence({ serverId, keyPair: june, ...(form === "did" ? { kid: "june" } : {}) }, 1500);
    expect(await verifyEvidence(text, { keys })).toMatchObject({ disposition: "authentic", findings: [] });
    expect(asked).toEqual(["https://cycles.example/v1/.well-known/cycles-jwks.json"]);
  });
});

describe("raw-hex signers", () => {
  it("overlap: two listings of one key that both cover the time are ambiguous", async () => {
    const again = { ...juneJwk, kid: "june-again", cycles_nbf_ms: 1500 };
    expect(await verdict([juneJwk, again], 1400, "raw hex", june, "june")).toEqual(["authentic"]);
    expect(await verdict([juneJwk, again], 1600, "raw hex", june, "june")).toEqual([
      "signer_authority_failed",
      "ambiguous_key",
    ]);
    expect(await verdict([juneJwk, again], 1600, "did", june, "june")).toEqual(["authentic"]);
  });

  it("a forged signature is reported before any key is looked up", async () => {
    const text = await commitEvidence({ serverId, keyPair: june }, 1500);
    const forged = text.replace(hex(june.publicKey), hex(july.publicKey));
    const keys = { find: () => Promise.reject(new Error("must not be asked")) };
    expect(await verifyEvidence(forged, { keys })).toMatchObject({ disposition: "signature_invalid" });
  });
});

describe("did:cycles signers", () => {
  it("wrong server hash: the DID of one server cannot sign for another", async () => {
    const did = await evidenceSignerDid("https://other.example/v1", june.publicKey, "june");
    const text = await signAnything(
      await commitEvidence({ serverId, keyPair: june }, 1500),
      (envelope) => (envelope["signer_did"] = did),
      6,
    );
    expect(await verifyEvidence(text, { keys: keysOf([juneJwk]) })).toMatchObject({
      disposition: "signer_authority_failed",
      findings: [{ code: "did_server_mismatch" }],
    });
  });

  it("hashes the server id as it is written, without normalising it", async () => {
    const plain = await evidenceSignerDid("https://cycles.example/v1", june.publicKey, "june");
    for (const other of ["https://cycles.example/v1/", "https://CYCLES.example/v1", "https://cycles.example:443/v1"]) {
      expect(await evidenceSignerDid(other, june.publicKey, "june")).not.toBe(plain);
    }
    expect(evidenceJwksUrl("https://cycles.example/v1/")).toBe(evidenceJwksUrl("https://cycles.example/v1"));
  });

  it("a signature of another key under the published kid is invalid", async () => {
    const text = await commitEvidence({ serverId, keyPair: july, kid: "june" }, 1500);
    expect(await verifyEvidence(text, { keys: keysOf([juneJwk]) })).toMatchObject({
      disposition: "signature_invalid",
      findings: [{ code: "bad_signature" }],
    });
  });

  it("without keys nothing is established about the bytes", async () => {
    const text = await commitEvidence({ serverId, keyPair: june, kid: "june" }, 1500);
    expect(await verifyEvidence(text)).toMatchObject({
      disposition: "signer_resolution_failed",
      findings: [{ code: "no_key_set" }],
    });
  });

  it("a key that the server stopped publishing is marked", async () => {
    let keysNow: object[] = [juneJwk, julyJwk];
    const transport = async () => ({ status: 200, headers: {}, body: JSON.stringify({ keys: keysNow }) });
    const options = { trustedOrigins: ["https://cycles.example"], transport, maxAgeMs: 0, coolDownMs: 0 };
    const keys = createRemoteKeySet(options);
    const text = await commitEvidence({ serverId, keyPair: june, kid: "june" }, 1500);
    expect(await verifyEvidence(text, { keys })).toMatchObject({ disposition: "authentic", findings: [] });
    keysNow = [julyJwk];
    expect(await verifyEvidence(text, { keys })).toMatchObject({
      disposition: "authentic",
      findings: [{ code: "key_retained", severity: "warning" }],
    });
  });
});
