import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair } from "jose";
import { describe, expect, it } from "vitest";
import { jwksTokens } from "../../../src/runtime/hosts/jwks.ts";

const issuer = "https://id.example.com";
const audience = "arcp";

describe("tokens that a key set checks", () => {
  async function issue(): Promise<{
    readonly authenticate: ReturnType<typeof jwksTokens>;
    readonly sign: (claims: object, alter?: (jwt: SignJWT) => SignJWT) => Promise<string>;
  }> {
    const { publicKey, privateKey } = await generateKeyPair("EdDSA");
    const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "EdDSA" }] });
    const sign = (claims: object, alter = (jwt: SignJWT): SignJWT => jwt): Promise<string> => {
      const jwt = new SignJWT({ ...claims }).setProtectedHeader({ alg: "EdDSA", kid: "k1" });
      return alter(jwt.setIssuer(issuer).setAudience(audience).setExpirationTime("5m")).sign(privateKey);
    };
    return { authenticate: jwksTokens(keys, { issuer, audience }), sign };
  }

  it("belong to their subject", async () => {
    const { authenticate, sign } = await issue();
    expect(await authenticate(await sign({ sub: "alice" }))).toBe("alice");
  });

  it("are nobody's when anything is wrong with them", async () => {
    const { authenticate, sign } = await issue();
    const other = await issue();
    const wrong = await Promise.all([
      sign({ sub: "alice" }, (jwt) => jwt.setIssuer("https://elsewhere")),
      sign({ sub: "alice" }, (jwt) => jwt.setAudience("another")),
      sign({ sub: "alice" }, (jwt) => jwt.setExpirationTime(new Date(Date.now() - 60_000))),
      sign({ sub: 7 }),
      sign({}),
      other.sign({ sub: "alice" }),
    ]);
    const unsigned = new SignJWT({ sub: "alice", iss: issuer, aud: audience, exp: 4_000_000_000 });
    const symmetric = await unsigned.setProtectedHeader({ alg: "HS256", kid: "k1" }).sign(new Uint8Array(32));
    for (const token of [...wrong, symmetric, "no token", ""]) expect(await authenticate(token), token).toBeUndefined();
  });

  it("are not checked by a key set that travels in the clear", () => {
    expect(() => jwksTokens("http://id.example.com/jwks.json", { issuer, audience })).toThrow("https:");
  });
});
