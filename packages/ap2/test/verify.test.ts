import { base64url, hex, utf8 } from "@imprest/core/internal";
import { mandateFromAP2, recover, withReservation } from "@imprest/ap2";
import { releaseRejected, verifyMandate, verifyMandateReceipt } from "@imprest/ap2/verify";
import { beforeAll, describe, expect, it } from "vitest";
import { hashText } from "../src/sd-jwt.ts";
import { conformance, isMissing } from "./support/conformance.ts";
import { createHarness, makeTerms } from "./support/harness.ts";

const { tokens } = (isMissing ? { tokens: {} } : conformance("ap2-signed-tokens.json")) as {
  readonly tokens: Readonly<Record<string, string>>;
};
const atThatTime = { nowMs: 1_777_342_400_000 };
const token = (name: string): string => tokens[name] ?? "";

describe.skipIf(isMissing)("the published signed tokens", () => {
  it.each(["payment_chain", "checkout_chain"])(
    "%s verifies; its root key is not published, so it is binding_only",
    async (name) => {
      const report = await verifyMandate(token(name), atThatTime);
      expect(report).toMatchObject({ disposition: "binding_only", findings: [] });
    },
  );
  it("open and closed apart verify too, and the report carries the mandate", async () => {
    const report = await verifyMandate([token("open_payment"), token("closed_payment")], atThatTime);
    expect(report.disposition).toBe("binding_only");
    expect(report.mandate).toMatchObject({ amountValue: "199.00", payeeWebsite: "demo-merchant.example" });
  });
  it("expiry, audience and nonce are held to", async () => {
    const codes = async (options: object) =>
      (await verifyMandate(token("payment_chain"), { ...atThatTime, ...options })).findings.map(({ code }) => code);
    expect(await codes({ nowMs: 1_777_346_400_000 })).toEqual(["expired"]);
    expect(await codes({ nowMs: 1_777_342_000_000 })).toEqual(["not_yet_valid", "not_yet_valid"]);
    expect(await codes({ audience: "credential-provider", nonce: "a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3" })).toEqual([]);
    expect(await codes({ audience: "merchant", nonce: "x" })).toEqual(["audience_mismatch", "nonce_mismatch"]);
  });
  it("an open mandate alone proves nothing; an issuer's other key refuses it", async () => {
    expect((await verifyMandate(token("open_payment"), atThatTime)).disposition).toBe("signer_resolution_failed");
    expect((await verifyMandate(token("payment_chain"), { ...atThatTime, issuerKeys: [] })).disposition).toBe(
      "signer_authority_failed",
    );
  });
  it("the closed mandate of one chain under the open one of another fails", async () => {
    const mixed = `${token("open_checkout").slice(0, -1)}~~${token("closed_payment")}`;
    expect((await verifyMandate(mixed, atThatTime)).disposition).toBe("signature_invalid");
  });
  it.each([
    ["payment_chain", 1],
    ["checkout_chain", 3],
  ] as const)(
    "a flipped bit anywhere in %s fails",
    async (name, step) => {
      const text = token(name);
      const survivors: string[] = [];
      for (let at = 0; at < text.length; at += step) {
        for (let bit = 0; bit < 7; bit += 1) {
          const flipped =
            text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1);
          const { disposition, findings } = await verifyMandate(flipped, atThatTime);
          if (disposition === "binding_only" && findings.length === 0) survivors.push(`${at}.${bit}`);
        }
      }
      expect(survivors).toEqual([]);
    },
    120_000,
  );
  it.each([
    ["a disclosure twice", () => token("payment_chain").replace("~~", `~${token("open_payment").split("~")[1]}~~`)],
    ["a disclosure that nothing refers to", () => `${token("payment_chain")}${base64url(utf8('["salt","x"]'))}~`],
    ["nothing", () => ""],
    ["no end", () => token("payment_chain").slice(0, -1)],
  ])("%s is malformed, not an exception", async (_, build) => {
    expect(await verifyMandate(build(), atThatTime)).toMatchObject({
      disposition: "signature_invalid",
      findings: [{ code: "malformed_mandate" }],
    });
  });
});

describe("chains of our own", () => {
  let issuer: CryptoKeyPair;
  let agent: CryptoKeyPair;
  let issuerJwk: Record<string, unknown>;
  beforeAll(async () => {
    [issuer, agent] = await Promise.all([newKey(), newKey()]);
    issuerJwk = { ...(await crypto.subtle.exportKey("jwk", issuer.publicKey)), kid: "k1" };
    delete issuerJwk["key_ops"];
    delete issuerJwk["ext"];
  });

  async function chain(
    change: {
      readonly closed?: object;
      readonly open?: object;
      readonly typ?: string;
      readonly signer?: CryptoKeyPair;
    } = {},
  ): Promise<string> {
    const { x, y } = await crypto.subtle.exportKey("jwk", agent.publicKey);
    const open = {
      vct: "mandate.payment.open.1",
      constraints: [{ type: "payment.reference", conditional_transaction_id: "ref" }],
      cnf: { jwk: { kty: "EC", crv: "P-256", x, y } },
      ...change.open,
    };
    const root = `${await sign(issuer, { alg: "ES256", typ: "dc+sd-jwt", kid: "k1" }, { delegate_payload: [open] })}~`;
    const closed = {
      vct: "mandate.payment.1",
      transaction_id: "tx",
      payee: { id: "m", name: "M" },
      payment_amount: { amount: 100, currency: "USD" },
      payment_instrument: { id: "i", type: "card" },
      ...change.closed,
    };
    const header = { alg: "ES256", typ: change.typ ?? "kb+sd-jwt" };
    const leaf = await sign(change.signer ?? agent, header, { delegate_payload: [closed], sd_hash: hashText(root) });
    return `${root}~${leaf}~`;
  }

  it("with the issuer's key a chain is authentic", async () => {
    expect(await verifyMandate(await chain(), { issuerKeys: [issuerJwk] })).toMatchObject({
      disposition: "authentic",
      findings: [],
      mandate: { amountValue: "1.00" },
    });
  });
  it.each([
    [
      "signed by somebody else",
      {
        get signer() {
          return issuer;
        },
      },
      "signature_invalid",
    ],
    ["of another type", { typ: "JWT" }, "wrong_type"],
    ["naming a further key", { closed: { cnf: { jwk: {} } } }, "delegates_further"],
    [
      "breaking a constraint",
      { open: { constraints: [{ type: "payment.amount_range", currency: "USD", max: 99 }] } },
      "consent_broken",
    ],
  ])("a closed mandate %s fails", async (_, change, code) => {
    const { findings } = await verifyMandate(await chain(change), { issuerKeys: [issuerJwk] });
    expect(findings.map((found) => found.code)).toContain(code);
  });
  it("a key published with its secret, and one of another curve, are refused", async () => {
    const secret = await crypto.subtle.exportKey("jwk", agent.privateKey);
    for (const jwk of [secret, { kty: "OKP", crv: "Ed25519", x: "AA" }]) {
      const text = await chain({ open: { cnf: { jwk } } });
      expect((await verifyMandate(text, { issuerKeys: [issuerJwk] })).disposition).toBe("signature_invalid");
    }
  });

  const receiptFor = (reference: string, change: object = {}) =>
    sign(issuer, { alg: "ES256" }, { status: "Error", iss: "cp", reference, error: "invalid_mandate", ...change });

  it("a receipt refers to the presentation or to the closed JWT", async () => {
    const mandate = await chain();
    const leaf = mandate.split("~~")[1] ?? "";
    for (const reference of [hashText(leaf), hashText(leaf.slice(0, -1))]) {
      const report = await verifyMandateReceipt(await receiptFor(reference), { key: issuerJwk, mandate });
      expect(report).toMatchObject({
        disposition: "authentic",
        outcome: "error",
        receipt: { error: "invalid_mandate" },
      });
    }
    const other = await verifyMandateReceipt(await receiptFor("another"), { key: issuerJwk, mandate });
    expect(other.outcome).toBeUndefined();
    const result = await receiptFor(hashText(leaf), { status: undefined, result: "success" });
    expect(await verifyMandateReceipt(result, { key: issuerJwk, mandate, issuer: "cp" })).toMatchObject({
      outcome: "success",
    });
    expect((await verifyMandateReceipt(result, { key: issuerJwk, mandate, issuer: "x" })).outcome).toBeUndefined();
  });

  it("a verified rejection opens the open mandate for the next checkout; nothing less does", async () => {
    const { cycles, authority } = createHarness();
    const rejected = await chain({ closed: { transaction_id: "A" } });
    const next = await chain({ closed: { transaction_id: "B" } });
    const leafOf = (text: string): string => text.split("~~")[1] ?? "";
    const iat = Math.floor(Date.now() / 1000);
    const first = mandateFromAP2(rejected);
    const second = makeTerms({ mandate: mandateFromAP2(next) });
    expect(first.openMandateHash).toBe(second.mandate.openMandateHash);
    await expect(
      withReservation(authority, makeTerms({ mandate: first }), () => Promise.reject(new Error("merchant said no"))),
    ).rejects.toThrow();
    await expect(withReservation(authority, second, () => {})).rejects.toMatchObject({ name: "AP2AlreadyConsumed" });
    const reference = hashText(leafOf(rejected));
    const forged = await sign(agent, { alg: "ES256" }, { status: "Error", iss: "cp", iat, reference, error: "x" });
    const options = { key: issuerJwk, mandate: rejected };
    await expect(releaseRejected(authority, first, forged, options)).rejects.toThrow(/no verified rejection/);
    const success = await receiptFor(reference, { iat, status: "Success" });
    await expect(releaseRejected(authority, first, success, options)).rejects.toThrow(/reports a success/);
    await expect(releaseRejected(authority, first, await receiptFor(reference, { iat }), options)).resolves.toBe(
      "released",
    );
    expect(cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
    await expect(withReservation(authority, second, () => 1)).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
    expect(cycles.requests("reserve").at(-1)?.body["idempotency_key"]).toMatch(/:reserve:e1$/);
    const late = await receiptFor(hashText(leafOf(next)), { iat: iat + 1 });
    await expect(releaseRejected(authority, second.mandate, late, { key: issuerJwk, mandate: next })).resolves.toBe(
      "settled",
    );
    expect(await recover(authority)).toMatchObject({ settled: 0, released: 0, unresolved: 0 });
  });
});

function newKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
}

async function sign(key: CryptoKeyPair, header: object, payload: object): Promise<string> {
  const input = `${base64url(utf8(JSON.stringify(header)))}.${base64url(utf8(JSON.stringify(payload)))}`;
  const bytes = utf8(input) as Uint8Array<ArrayBuffer>;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, bytes);
  expect(hex(new Uint8Array(signature))).toHaveLength(128);
  return `${input}.${base64url(new Uint8Array(signature))}`;
}
