import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ValidationError } from "../../src/index.ts";
import { base64url, hex, parseHex } from "../../src/internal.ts";
import { verifyWithNoble, signWithNoble, derivePublicKeyWithNoble } from "../../src/audit/ed25519-fallback.ts";
import {
  generateKeyPair,
  keyPairFromJwk,
  keyPairFromSeed,
  keyPairToJwk,
  publicKeyFromJwk,
  publicKeyToJwk,
  signEd25519,
  verifyEd25519,
} from "../../src/audit/index.ts";

const bytesOf = (text: string): Uint8Array => parseHex(text) ?? new Uint8Array();
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** RFC 8032 §7.1, tests 1 and 2. */
const vectors = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
];

const order = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}

function toBigInt(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The same verdict wanted from WebCrypto and from the fallback. */
const backends = [
  ["WebCrypto", () => {}],
  [
    "the fallback",
    () => {
      const missing = new DOMException("no Ed25519 here", "NotSupportedError");
      vi.spyOn(crypto.subtle, "importKey").mockRejectedValue(missing);
    },
  ],
] as const;

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

describe.each(backends)("Ed25519 with %s", (_name, prepare) => {
  // A module of its own for each test: imported keys are remembered.
  const load = async () => {
    prepare();
    vi.resetModules();
    return import("../../src/audit/ed25519.ts");
  };

  it("signs and verifies the vectors of RFC 8032", async () => {
    const ed25519 = await load();
    for (const { seed, publicKey, message, signature } of vectors) {
      expect(hex(await ed25519.signEd25519(bytesOf(seed), bytesOf(message)))).toBe(signature);
      expect(hex((await ed25519.keyPairFromSeed(bytesOf(seed))).publicKey)).toBe(publicKey);
      expect(await ed25519.verifyEd25519(bytesOf(publicKey), bytesOf(message), bytesOf(signature))).toBe(true);
    }
  });

  it("verifies what it signs, and nothing with one bit changed", async () => {
    const ed25519 = await load();
    const { publicKey, privateKey } = await ed25519.generateKeyPair();
    const message = utf8("a reservation of 5 USD");
    const signature = await ed25519.signEd25519(privateKey, message);
    expect(await ed25519.verifyEd25519(publicKey, message, signature)).toBe(true);
    for (const [name, original] of Object.entries({ publicKey, message, signature })) {
      for (let bit = 0; bit < original.length * 8; bit += name === "message" ? 1 : 3) {
        const changed = original.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const input = { publicKey, message, signature, [name]: changed };
        expect(await ed25519.verifyEd25519(input.publicKey, input.message, input.signature)).toBe(false);
      }
    }
  }, 60_000);

  it("refuses S + L, which is the same signature written twice", async () => {
    const ed25519 = await load();
    const { publicKey, privateKey } = await ed25519.generateKeyPair();
    const signature = await ed25519.signEd25519(privateKey, utf8("x"));
    const s = toBigInt(signature.subarray(32));
    for (const other of [s + order, order, 2n ** 256n - 1n]) {
      const malleated = Uint8Array.of(...signature.subarray(0, 32), ...littleEndian(other));
      expect(await ed25519.verifyEd25519(publicKey, utf8("x"), malleated)).toBe(false);
    }
  });

  it("refuses every small-order key and R, in all 14 encodings, and the identity forgery", async () => {
    const ed25519 = await load();
    const p = 2n ** 255n - 19n;
    const y8 = toBigInt(bytesOf("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"));
    const coordinates = [0n, 1n, p - 1n, p, p + 1n, y8, p - y8];
    const encodings = coordinates.flatMap((y) => [littleEndian(y), littleEndian(y + 2n ** 255n)]);
    const { publicKey, privateKey } = await ed25519.generateKeyPair();
    const sound = await ed25519.signEd25519(privateKey, utf8("any"));
    expect(encodings).toHaveLength(14);
    for (const point of encodings) {
      const forged = Uint8Array.of(...point, ...new Uint8Array(32));
      expect(await ed25519.verifyEd25519(point, utf8("any"), forged)).toBe(false);
      expect(await ed25519.verifyEd25519(point, utf8("any"), sound)).toBe(false);
      expect(await ed25519.verifyEd25519(publicKey, utf8("any"), Uint8Array.of(...point, ...sound.subarray(32)))).toBe(
        false,
      );
    }
  });

  it("answers false, without an exception, for other lengths and for bytes that are no point", async () => {
    const ed25519 = await load();
    const { publicKey, privateKey } = await ed25519.generateKeyPair();
    const signature = await ed25519.signEd25519(privateKey, utf8("x"));
    for (const length of [0, 31, 33, 64]) {
      expect(await ed25519.verifyEd25519(new Uint8Array(length), utf8("x"), signature)).toBe(false);
    }
    for (const length of [0, 63, 65]) {
      expect(await ed25519.verifyEd25519(publicKey, utf8("x"), new Uint8Array(length))).toBe(false);
    }
    // y = 2 is on no curve point.
    expect(await ed25519.verifyEd25519(littleEndian(2n), utf8("x"), signature)).toBe(false);
  });

  it("accepts no random bytes", async () => {
    const ed25519 = await load();
    const random = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    await fc.assert(
      fc.asyncProperty(random(32), random(64), async (key, signature) => {
        expect(await ed25519.verifyEd25519(key, utf8("x"), signature)).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});

describe("the fallback", () => {
  it("gives and takes the same signatures as WebCrypto", async () => {
    const { publicKey, privateKey } = await generateKeyPair();
    expect(await derivePublicKeyWithNoble(privateKey)).toEqual(publicKey);
    for (const text of ["", "a", "b".repeat(1000)]) {
      const signature = await signEd25519(privateKey, utf8(text));
      expect(await signWithNoble(privateKey, utf8(text))).toEqual(signature);
      expect(await verifyWithNoble(publicKey, utf8(text), signature)).toBe(true);
      expect(await verifyWithNoble(publicKey, utf8(`${text}!`), signature)).toBe(false);
    }
  });
});

describe("keys", () => {
  it("says so when a seed has another length", async () => {
    await expect(signEd25519(new Uint8Array(31), utf8("x"))).rejects.toThrow(ValidationError);
    await expect(keyPairFromSeed(new Uint8Array(64))).rejects.toThrow(/32 bytes/);
  });

  it("go into a JWK and come back", async () => {
    const pair = await generateKeyPair();
    const jwk = keyPairToJwk(pair, "2026-11");
    expect(jwk).toMatchObject({ kty: "OKP", crv: "Ed25519", kid: "2026-11" });
    expect(await keyPairFromJwk(JSON.parse(JSON.stringify(jwk)))).toEqual(pair);
    expect(publicKeyFromJwk(publicKeyToJwk(pair.publicKey))).toEqual(pair.publicKey);
    expect(publicKeyToJwk(pair.publicKey)).not.toHaveProperty("kid");
  });

  it("the type and the curve choose, never the alg of a JWK", async () => {
    const jwk = publicKeyToJwk((await generateKeyPair()).publicKey);
    for (const alg of [undefined, "EdDSA", "Ed25519"]) expect(publicKeyFromJwk({ ...jwk, alg })).toHaveLength(32);
    for (const alg of ["ES256", "none", "HS256", "Ed448", 1]) {
      expect(() => publicKeyFromJwk({ ...jwk, alg })).toThrow("wrong_algorithm");
    }
    expect(() => publicKeyFromJwk({ ...jwk, kty: "EC", crv: "P-256", alg: "EdDSA" })).toThrow("wrong_type");
  });

  it("refuses a JWK of another kind, with a private part, or with malformed bytes", async () => {
    const pair = await generateKeyPair();
    const jwk = publicKeyToJwk(pair.publicKey);
    const refusals: [object, string][] = [
      [{ kty: "EC" }, "wrong_type"],
      [{ crv: "X25519" }, "wrong_type"],
      [{ crv: "Ed448" }, "wrong_type"],
      [{ use: "enc" }, "wrong_use"],
      [{ key_ops: ["sign"] }, "wrong_use"],
      [{ d: keyPairToJwk(pair).d }, "private_key_published"],
      [{ x: jwk.x.slice(0, -2) }, "malformed_key"],
      [{ x: `${jwk.x}=` }, "malformed_key"],
      [{ x: `${jwk.x}AA` }, "malformed_key"],
      [{ x: 7 }, "malformed_key"],
      [{ x: undefined }, "malformed_key"],
      [{ x: `AQ${"A".repeat(41)}` }, "malformed_key"],
    ];
    for (const [change, reason] of refusals) expect(() => publicKeyFromJwk({ ...jwk, ...change })).toThrow(reason);
  });

  it("a JWK holds no key in a non-canonical encoding, y from p to 2^255 - 1", () => {
    for (let excess = 0n; excess < 19n; excess++) {
      for (const sign of [0n, 2n ** 255n]) {
        const x = base64url(littleEndian(2n ** 255n - 19n + excess + sign));
        expect(() => publicKeyFromJwk({ kty: "OKP", crv: "Ed25519", x })).toThrow("malformed_key");
      }
    }
  });

  it("refuses a private JWK whose halves do not belong together", async () => {
    const [one, other] = [await generateKeyPair(), await generateKeyPair()];
    const mixed = { ...keyPairToJwk(one), d: keyPairToJwk(other).d };
    await expect(keyPairFromJwk(mixed)).rejects.toThrow("/x: is not the public key of d");
    await expect(keyPairFromJwk({ ...keyPairToJwk(one), d: "AA" })).rejects.toThrow("/d");
    await expect(keyPairFromJwk(publicKeyToJwk(one.publicKey))).rejects.toThrow("/d");
  });

  it("verifies under a JWK's bytes", async () => {
    const pair = await generateKeyPair();
    const signature = await signEd25519(pair.privateKey, utf8("x"));
    expect(await verifyEd25519(publicKeyFromJwk(publicKeyToJwk(pair.publicKey)), utf8("x"), signature)).toBe(true);
  });
});
