import { randomUUID } from "node:crypto";
import { type AP2Documents, AP2MandateError, mandateFromAP2 } from "@imprest/ap2";
import { verifyMandate, verifyMandateReceipt } from "@imprest/ap2/verify";
import { base64url, utf8 } from "@imprest/core/internal";
import { describe, expect, it } from "vitest";
import { checkMandate } from "../src/mandate.ts";
import { hashText } from "../src/sd-jwt.ts";
import { type Claims, closedPayment, giveConsent, merchant, newKey, publicJwk, sign } from "./support/chains.ts";

// What an agent may leave out, cut off or put beside a mandate, so that less of the user's consent would be seen.

interface Parts {
  readonly header?: Claims;
  readonly payload?: Claims;
  readonly open?: Claims;
  readonly constraints?: readonly Claims[];
  readonly disclosures?: readonly string[];
}

/** A chain of a user's open mandate and a payment of $99.00 closed under it. */
async function mint({ header, payload, open, constraints, disclosures = [] }: Parts) {
  const [issuer, agent] = await Promise.all([newKey(), newKey()]);
  const reference = { type: "payment.reference", conditional_transaction_id: hashText("checkout") };
  const cnf = { jwk: await publicJwk(agent) };
  const mandate = { vct: "mandate.payment.open.1", constraints: constraints ?? [reference], cnf, ...open };
  const jwt = await sign(
    issuer,
    { alg: "ES256", typ: "dc+sd-jwt", kid: "k1", ...header },
    { delegate_payload: [mandate], ...payload },
  );
  const root = [jwt, ...disclosures, ""].join("~");
  const claims = { delegate_payload: [closedPayment], sd_hash: hashText(root) };
  const leaf = `${await sign(agent, { alg: "ES256", typ: "kb+sd-jwt" }, claims)}~`;
  return { chain: `${root}~${leaf}`, issuerKeys: [{ ...(await publicJwk(issuer)), kid: "k1" }] };
}

async function codesOf(parts: Parts): Promise<readonly string[]> {
  const { chain, issuerKeys } = await mint(parts);
  const { findings, mandate } = await verifyMandate(chain, { issuerKeys });
  const codes = findings.map(({ code }) => code);
  if (codes.length > 0) {
    expect(mandate).toBeUndefined();
    expect(() => mandateFromAP2(chain)).toThrow(AP2MandateError);
  }
  return codes;
}

function disclosure(name: string, value: unknown): { readonly text: string; readonly digest: string } {
  const text = base64url(utf8(JSON.stringify([randomUUID(), name, value])));
  return { text, digest: hashText(text) };
}

describe("a member of the user's mandate that the agent does not disclose", () => {
  const hidden = [hashText("nobody has this disclosure")];

  it("breaks the consent: it may be what the user fixed, or an end", async () => {
    expect(await codesOf({ open: { _sd: hidden } })).toEqual(["consent_broken"]);
  });

  it("breaks the consent in a constraint too: it may be a limit", async () => {
    const recurring = { type: "payment.agent_recurrence", frequency: "ON_DEMAND", _sd: hidden };
    expect(await codesOf({ constraints: [recurring] })).toEqual(["consent_broken"]);
  });

  it("breaks the consent in an entry of a constraint's list: it may be what sets the entry apart", async () => {
    const payees = {
      type: "payment.allowed_payees",
      allowed: [{ name: merchant.name, website: merchant.website, _sd: hidden }],
    };
    expect(await codesOf({ constraints: [payees] })).toContain("consent_broken");
  });

  it("may be an entry of a list as a whole: it would only allow more", async () => {
    const payees = { type: "payment.allowed_payees", allowed: [merchant, { "...": hidden[0] }] };
    expect(await codesOf({ constraints: [payees] })).toEqual([]);
  });

  it("makes the token malformed beside the mandate", async () => {
    expect(await codesOf({ payload: { _sd: hidden } })).toContain("malformed_mandate");
  });

  it("is held to where it is disclosed", async () => {
    const fixed = disclosure("payee", { ...merchant, id: "another" });
    expect(await codesOf({ open: { _sd: [fixed.digest] }, disclosures: [fixed.text] })).toEqual(["consent_broken"]);
    const same = disclosure("payee", merchant);
    expect(await codesOf({ open: { _sd: [same.digest] }, disclosures: [same.text] })).toEqual([]);
  });
});

describe("a token that cannot be read as it was signed", () => {
  it.each([{ exp: "1700000000" }, { exp: null }, { nbf: "9999999999" }, { iat: [1] }])(
    "is malformed where a date is no number: %o",
    async (payload) => {
      expect(await codesOf({ payload })).toContain("malformed_mandate");
    },
  );

  it.each([{ exp: [1] }, { nbf: "9999999999" }, { exp: null }])(
    "is malformed where a date of the mandate is no number: %o",
    async (open) => {
      expect(await codesOf({ open })).toContain("malformed_mandate");
    },
  );

  it.each([["b64"], []])("is malformed with critical extensions %o", async (...crit) => {
    expect(await codesOf({ header: { crit } })).toContain("malformed_mandate");
  });

  it("is malformed where disclosures stand in one another by the thousand", async () => {
    let inner = disclosure("x", 1);
    const disclosures = [inner.text];
    while (disclosures.length < 3_000) {
      inner = disclosure("x", { _sd: [inner.digest] });
      disclosures.push(inner.text);
    }
    expect(await codesOf({ open: { _sd: [inner.digest] }, disclosures })).toContain("malformed_mandate");
  });

  it.each<unknown>([undefined, null, 5, {}, [undefined]])("gets a report when it is %o", async (input) => {
    expect(await verifyMandate(input as string)).toMatchObject({ disposition: "signature_invalid" });
  });

  it.each<[unknown, unknown, string]>([
    [undefined, {}, "unusable_key"],
    ["a.b.c", null, "unusable_key"],
    [5, undefined, "malformed_receipt"],
  ])("gets a report as a receipt %o under the key %o", async (receipt, other, code) => {
    const key = other === undefined ? await publicJwk(await newKey()) : other;
    const options = { key: key as Claims, mandate: "" };
    expect((await verifyMandateReceipt(receipt as string, options)).findings).toMatchObject([{ code }]);
  });

  it("is no receipt with critical extensions", async () => {
    const [consent, key] = await Promise.all([giveConsent(), newKey()]);
    const mandate = await consent.close();
    const claims = { status: "Error", iss: "x", iat: 1, reference: hashText(mandate), error: "declined" };
    const receipt = await sign(key, { alg: "ES256", crit: ["exp"] }, claims);
    const report = await verifyMandateReceipt(receipt, { key: await publicJwk(key), mandate });
    expect(report.disposition).toBe("signature_invalid");
  });
});

describe("documents that leave out a part of the consent", () => {
  const closed = {
    vct: "mandate.payment.1",
    transaction_id: "tx_1",
    payee: merchant,
    payment_amount: { amount: 9_900, currency: "USD" },
  };

  it.each<[string, AP2Documents]>([
    ["an open payment mandate beside an object", { paymentMandate: closed, openPaymentMandate: "token" }],
    [
      "an open checkout mandate beside an object",
      { paymentMandate: closed, checkoutMandate: { hash: "tx_1" }, openCheckoutMandate: "token" },
    ],
    ["an open mandate within the closed one", { ...closed, open_payment_mandate: "token" } as unknown as AP2Documents],
    ["a document that nothing reads", { paymentMandate: closed, openMandate: "token" } as AP2Documents],
  ])("are refused: %s", (_what, documents) => {
    expect(() => mandateFromAP2(documents)).toThrow(AP2MandateError);
  });

  it("are read in either letter case, each by itself", () => {
    const mixed = { paymentMandate: closed, open_mandate_hash: "om_1" } as unknown as AP2Documents;
    expect(mandateFromAP2(mixed).openMandateHash).toBe("om_1");
    const twice = { ...mixed, openMandateHash: "om_2" };
    expect(() => mandateFromAP2(twice)).toThrow("both snake and camel case");
  });

  it("are refused where the user's own mandate is cut off, whatever the mode", async () => {
    const consent = await giveConsent();
    const [, ...rest] = (await consent.close({}, {})).split("~~");
    for (const mode of ["hnp", undefined] as const)
      expect(() => mandateFromAP2(rest.join("~~"), { mode })).toThrow("signed under another");
  });
});

describe("limits of a mandate that was made by hand", () => {
  const mandate = { transactionId: "tx", amountValue: "1.00", currency: "USD", payeeWebsite: "m.example" };

  it.each<[object, string]>([
    [{ limits: { frequency: "ON_DEMAND", max_occurrences: 1 } }, "/limits/max_occurrences"],
    [{ limits: { frequency: "ON_DEMAND", maxOccurrences: Number.NaN } }, "/limits/maxOccurrences"],
    [{ limits: { budget: 5 } }, "/limits/budget"],
    [{ delegations: [{ id: "a", limits: { maxOccurrences: "1" } }] }, "/delegations/limits/maxOccurrences"],
    [{ delegations: "a" }, "/delegations"],
    [{ linkedHashes: "abc" }, "/linkedHashes"],
    [{ expiresAtMs: "2020-01-01" }, "/expiresAtMs"],
    [{ expiresAtMs: Number.NaN }, "/expiresAtMs"],
  ])("are refused where they cannot be read: %o", (members, pointer) => {
    expect(() => checkMandate({ ...mandate, ...members })).toThrow(pointer);
  });

  it("are absent where they are null", () => {
    const nothing = { limits: null, delegations: null, expiresAtMs: null, linkedHashes: null };
    expect(checkMandate({ ...mandate, ...(nothing as object) })).toEqual(mandate);
  });
});
