import { describe, expect, it } from "vitest";
import { type Jwk, generateKeyPair, mergeKeySets, publicKeyToJwk } from "../../src/audit/index.ts";

async function jwkOf(kid: string): Promise<Jwk> {
  return publicKeyToJwk((await generateKeyPair()).publicKey, kid);
}

describe("mergeKeySets", () => {
  it("makes one set of current and archived keys, in the order in which they come", async () => {
    const [now, old] = [await jwkOf("now"), await jwkOf("old")];
    const sets = [
      { name: "now.json", jwks: { keys: [now] } },
      { name: "old.json", jwks: { keys: [old] } },
    ];
    expect(mergeKeySets(sets)).toEqual({ keys: [now, old] });
  });

  it("takes a key that stands twice once, with the end that one of the sets gives it", async () => {
    const key = await jwkOf("k");
    const sets = [
      { name: "before.json", jwks: { keys: [key, key] } },
      { name: "after.json", jwks: { keys: [{ ...key, exp: 1_780_000_000 }] } },
    ];
    for (const order of [sets, sets.toReversed()]) {
      expect(mergeKeySets(order)).toEqual({ keys: [{ ...key, exp: 1_780_000_000 }] });
    }
  });

  it("refuses one kid for two keys, and two ends of one key, and names both sets", async () => {
    const [one, other] = [await jwkOf("k\n"), await jwkOf("k\n")];
    for (const [left, right] of [
      [one, other],
      [
        { ...one, exp: 1 },
        { ...one, exp: 2 },
      ],
    ]) {
      const sets = [
        { name: "a.json", jwks: { keys: [left] } },
        { name: "b.json", jwks: { keys: [right] } },
      ];
      expect(() => mergeKeySets(sets)).toThrow('a.json and b.json differ about the key "k\\n"');
    }
    expect(() => mergeKeySets([{ name: "a.json", jwks: { keys: [one, other] } }])).toThrow(
      "a.json differs with itself",
    );
  });

  it("refuses what is no key set", () => {
    expect(() => mergeKeySets([{ name: "a.json", jwks: [] }])).toThrow("key set");
  });
});
