import { beforeAll, describe, expect, it } from "vitest";
import { type Ed25519KeyPair, type Jwk, createKeySet, generateKeyPair, publicKeyToJwk } from "../../src/audit/index.ts";

let one: Ed25519KeyPair;
let two: Ed25519KeyPair;
beforeAll(async () => {
  [one, two] = [await generateKeyPair(), await generateKeyPair()];
});

const windowOf = ({ nbf, exp }: Jwk) =>
  typeof nbf === "number" ? { notBeforeMs: nbf, notAfterMs: typeof exp === "number" ? exp : undefined } : undefined;
const codeOf = (lookup: ReturnType<ReturnType<typeof createKeySet>["find"]>): string =>
  lookup.status === "found" ? "found" : lookup.problem.code;

describe("createKeySet", () => {
  it("finds a key by kid and by its bytes", () => {
    const set = createKeySet({ keys: [publicKeyToJwk(one.publicKey, "a"), publicKeyToJwk(two.publicKey, "b")] });
    expect(set.find({ kid: "b" })).toEqual({
      status: "found",
      key: { kid: "b", publicKey: two.publicKey, retained: false },
    });
    expect(set.find({ publicKey: one.publicKey })).toMatchObject({ status: "found", key: { kid: "a" } });
    expect(codeOf(set.find({ kid: "c" }))).toBe("unknown_key");
    expect(() => set.find({})).toThrow("either kid or publicKey");
  });

  it("a kid listed twice makes the whole set refuse, even when one entry is unusable", () => {
    const duplicated = createKeySet({
      keys: [publicKeyToJwk(one.publicKey, "a"), { kty: "RSA", kid: "a" }, publicKeyToJwk(two.publicKey, "b")],
    });
    expect(codeOf(duplicated.find({ kid: "a" }))).toBe("duplicate_kid");
    expect(codeOf(duplicated.find({ kid: "b" }))).toBe("duplicate_kid");
    expect(codeOf(duplicated.find({ publicKey: two.publicKey }))).toBe("duplicate_kid");
  });

  it("never picks one of two keys that fit", () => {
    const twice = createKeySet({ keys: [publicKeyToJwk(one.publicKey, "a"), publicKeyToJwk(one.publicKey, "b")] });
    expect(codeOf(twice.find({ publicKey: one.publicKey }))).toBe("ambiguous_key");
    expect(codeOf(twice.find({ kid: "a" }))).toBe("found");
  });

  it("a key of another type, algorithm, use or form is no candidate", () => {
    const jwk = publicKeyToJwk(one.publicKey, "a");
    for (const change of [{ kty: "EC" }, { alg: "ES256" }, { use: "enc" }, { d: jwk.x }, { x: "AA" }]) {
      expect(codeOf(createKeySet({ keys: [{ ...jwk, ...change }] }).find({ kid: "a" }))).toBe("unusable_key");
    }
  });

  it("selects by the window at the time of signing, inclusive below and exclusive above", () => {
    const set = createKeySet({ keys: [{ ...publicKeyToJwk(one.publicKey, "a"), nbf: 100, exp: 200 }] });
    const at = (atMs: number): string => codeOf(set.find({ kid: "a", atMs, windowOf }));
    expect([at(99), at(100), at(199), at(200)]).toEqual(["outside_window", "found", "found", "outside_window"]);
    expect(at(Number.NaN)).toBe("outside_window");
  });

  it("tells windows of one key apart, and refuses when they overlap", () => {
    const jwk = publicKeyToJwk(one.publicKey);
    const set = createKeySet({
      keys: [
        { ...jwk, nbf: 0, exp: 100 },
        { ...jwk, nbf: 90, exp: 200 },
      ],
    });
    const at = (atMs: number): string => codeOf(set.find({ publicKey: one.publicKey, atMs, windowOf }));
    expect([at(50), at(95), at(150), at(250)]).toEqual(["found", "ambiguous_key", "found", "outside_window"]);
  });

  it("excludes a key whose window members are malformed", () => {
    const set = createKeySet({ keys: [{ ...publicKeyToJwk(one.publicKey, "a"), nbf: "yesterday" }] });
    expect(codeOf(set.find({ kid: "a", atMs: 1, windowOf }))).toBe("unusable_key");
  });

  it("refuses what is no key set, and one with too many keys", () => {
    for (const jwks of [null, [], {}, { keys: {} }, { keys: [1] }, { keys: [null] }, { keys: [[]] }, "keys"]) {
      expect(() => createKeySet(jwks)).toThrow("key set");
    }
    const many = { keys: Array.from({ length: 101 }, () => ({})) };
    expect(() => createKeySet(many)).toThrow("at most 100");
    expect(createKeySet(many, { maxKeys: 101 }).keys).toHaveLength(101);
  });
});
