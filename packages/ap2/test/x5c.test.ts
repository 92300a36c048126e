import { X509Certificate, type webcrypto } from "node:crypto";
import { certifiedBy } from "@imprest/ap2/node";
import { type VerifyMandateOptions, verifyMandate } from "@imprest/ap2/verify";
import { ConfigurationError } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { hashText } from "../src/sd-jwt.ts";
import { type Certified, certify } from "./support/certificates.ts";
import { merchant, newKey, publicJwk, sign } from "./support/chains.ts";
import { conformance, isMissing } from "./support/conformance.ts";

// An open mandate may bring the certificates of its signer instead of a key's name (RFC 7515 §4.1.6).

const authority = certify("Authority", { isAuthority: true });
const between = certify("Between", { issuer: authority, isAuthority: true });
const signer = certify("Wallet", { issuer: authority });
const deep = certify("Wallet", { issuer: between });
const stranger = certify("Authority", { isAuthority: true });

const nowMs = Date.parse("2026-11-28T12:00:00Z");

const base64 = ({ der }: Certified): string => der.toString("base64");

/** A chain whose open mandate `by` signed under the header `x5c`. */
async function close(by: Certified, x5c: unknown): Promise<string> {
  const agent = await newKey();
  const key = by.privateKey.export({ format: "jwk" }) as webcrypto.JsonWebKey;
  const privateKey = await crypto.subtle.importKey("jwk", key, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const open = { vct: "mandate.payment.open.1", constraints: [], cnf: { jwk: await publicJwk(agent) } };
  const header = { alg: "ES256", typ: "dc+sd-jwt", kid: "somebody-else", x5c };
  const root = `${await sign({ privateKey } as CryptoKeyPair, header, { delegate_payload: [open] })}~`;
  const closed = {
    vct: "mandate.payment.1",
    transaction_id: "tx",
    payee: merchant,
    payment_amount: { amount: 5_000, currency: "USD" },
    payment_instrument: { id: "c", type: "card" },
  };
  const payload = { delegate_payload: [closed], sd_hash: hashText(root) };
  return `${root}~${await sign(agent, { alg: "ES256", typ: "kb+sd-jwt" }, payload)}~`;
}

async function verdict(by: Certified, x5c: unknown, options: VerifyMandateOptions = {}): Promise<string> {
  const resolveX5c = certifiedBy([authority.der]);
  return (await verifyMandate(await close(by, x5c), { resolveX5c, nowMs, ...options })).disposition;
}

describe("an open mandate with certificates", () => {
  it("is authentic when a trusted authority certifies its signer", async () => {
    expect(await verdict(signer, [base64(signer)])).toBe("authentic");
  });

  it("is authentic when an authority between the two does, and with the trusted one in the path", async () => {
    expect(await verdict(deep, [base64(deep), base64(between)])).toBe("authentic");
    expect(await verdict(deep, [deep, between, authority].map(base64))).toBe("authentic");
  });

  it("is read in base64url too, as AP2's SDK writes it", async () => {
    expect(await verdict(signer, [signer.der.toString("base64url")])).toBe("authentic");
  });

  it("is judged by an authority in PEM as by one in DER", async () => {
    const pem = new X509Certificate(authority.der).toString();
    expect(await verdict(signer, [base64(signer)], { resolveX5c: certifiedBy([pem]) })).toBe("authentic");
  });

  const expired = certify("Wallet", { issuer: authority, to: "20261128115959Z" });
  const future = certify("Wallet", { issuer: authority, from: "20261128120001Z" });
  const noAuthority = certify("Between", { issuer: authority });
  const underNone = certify("Wallet", { issuer: noAuthority });
  const expiredBetween = certify("Between", { issuer: authority, isAuthority: true, to: "20261128115959Z" });
  const underExpired = certify("Wallet", { issuer: expiredBetween });
  const second = certify("Second", { issuer: between, isAuthority: true });
  const deeper = certify("Wallet", { issuer: second });
  const claimed = certify("Wallet", { issuer: { name: "Authority", privateKey: stranger.privateKey } });

  it.each<[string, Certified, unknown]>([
    ["whose signer another authority of the same name certifies", claimed, [base64(claimed)]],
    ["whose certificate has expired", expired, [base64(expired)]],
    ["whose certificate is not valid yet", future, [base64(future)]],
    ["that leaves out the certificate between", deep, [base64(deep)]],
    ["whose path has a certificate between that is no authority's", underNone, [underNone, noAuthority].map(base64)],
    ["whose path has an authority that has expired", underExpired, [underExpired, expiredBetween].map(base64)],
    ["with two authorities between, which may be more than is allowed", deeper, [deeper, second, between].map(base64)],
    ["whose signer certifies itself", stranger, [base64(stranger)]],
    ["without a certificate in its list", signer, []],
    ["with more certificates than a path has", signer, Array.from({ length: 9 }, () => base64(signer))],
    ["whose certificate is none", signer, ["AAAA"]],
    ["whose header holds no list", signer, base64(signer)],
    ["whose list holds no text", signer, [1]],
  ])("%s has no trusted signer", async (_, by, x5c) => {
    expect(await verdict(by, x5c)).toBe("signer_authority_failed");
  });

  it("is held to its certificate, not to the issuer's keys, and signed by another key it is invalid", async () => {
    const { x, y } = stranger.publicKey.export({ format: "jwk" });
    const issuerKeys = [{ kty: "EC", crv: "P-256", x, y, kid: "somebody-else" }];
    expect(await verdict(stranger, [base64(stranger)], { issuerKeys })).toBe("signer_authority_failed");
    expect(await verdict(stranger, [base64(signer)], { issuerKeys })).toBe("signature_invalid");
  });

  it("is judged by the authority's own dates", async () => {
    const old = certify("Old", { isAuthority: true, to: "20261128115959Z" });
    const under = certify("Wallet", { issuer: old });
    expect(await verdict(under, [base64(under)], { resolveX5c: certifiedBy([old.der]) })).toBe(
      "signer_authority_failed",
    );
  });
});

it("an authority that is no certificate is a mistake in the configuration", () => {
  expect(() => certifiedBy([authority.der, "nonsense"])).toThrow(ConfigurationError);
});

it.skipIf(isMissing)("the chain that AP2's SDK minted is signed by the key of its certificate", async () => {
  const { now, cases } = conformance("minted-chains.json") as {
    readonly now: number;
    readonly cases: readonly { readonly name: string; readonly chain?: string }[];
  };
  const { chain = "" } = cases.find(({ name }) => name === "root key by x5c under a trusted CA") ?? {};
  const keyOf = ([der]: readonly Uint8Array[]) =>
    Promise.resolve({ ...new X509Certificate(der ?? "").publicKey.export({ format: "jwk" }) });
  const verify = (resolveX5c: NonNullable<VerifyMandateOptions["resolveX5c"]>) =>
    verifyMandate(chain, { resolveX5c, nowMs: now * 1000 });
  expect((await verify(keyOf)).disposition).toBe("authentic");
  expect((await verify(certifiedBy([stranger.der]))).disposition).toBe("signer_authority_failed");
});
