import { AP2MandateError, checkConstraints, mandateFromAP2, minorUnitExponent, toMicrocents } from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { base64url, utf8 } from "@imprest/core/internal";
import { hashText, parseChain } from "../src/sd-jwt.ts";
import { conformance, isMissing } from "./support/conformance.ts";

interface Tokens {
  readonly tokens: Readonly<
    Record<
      "open_payment" | "closed_payment" | "payment_chain" | "open_checkout" | "closed_checkout" | "checkout_chain",
      string
    >
  >;
  readonly derived: {
    readonly open_payment: { readonly signing_input_sha256_hex: string; readonly sd_hash_b64url: string };
    readonly open_checkout: { readonly signing_input_sha256_hex: string; readonly sd_hash_b64url: string };
  };
}

const { tokens, derived } = isMissing ? ({} as Tokens) : (conformance("ap2-signed-tokens.json") as Tokens);
const closed = {
  vct: "mandate.payment.1",
  transaction_id: "tx",
  payee: { id: "merchant_1", name: "M", website: "https://Demo-Merchant.example:8443/x" },
  payment_amount: { amount: 19_900, currency: "USD" },
  payment_instrument: { id: "stub", type: "card" },
} as const;

describe.skipIf(isMissing)("real signed tokens", () => {
  it("a v0.2 chain: minor units, host, expiry, and the open mandate's identity from its signing input", () => {
    expect(mandateFromAP2(tokens.payment_chain)).toEqual({
      transactionId: "NivWhuqfzcvZNapvIEJ2-3tsdQLkiuIcye2g46WVgX8",
      amountValue: "199.00",
      currency: "USD",
      payeeWebsite: "demo-merchant.example",
      openMandateHash: derived.open_payment.signing_input_sha256_hex,
      linkedHashes: [derived.open_checkout.sd_hash_b64url],
      expiresAtMs: 1_777_345_957_000,
    });
  });
  it("open and closed tokens apart give the same; the checkout joins in", () => {
    const whole = mandateFromAP2({ paymentMandate: tokens.payment_chain, checkoutMandate: tokens.checkout_chain });
    expect(whole).toMatchObject({
      checkoutHash: "NivWhuqfzcvZNapvIEJ2-3tsdQLkiuIcye2g46WVgX8",
      linkedHashes: [derived.open_checkout.sd_hash_b64url, derived.open_checkout.signing_input_sha256_hex],
    });
    const apart = mandateFromAP2({
      paymentMandate: tokens.closed_payment,
      openPaymentMandate: tokens.open_payment,
      checkoutMandate: tokens.closed_checkout,
      openCheckoutMandate: tokens.open_checkout,
    });
    expect(apart).toEqual(whole);
  });
  it("a token signed under an open mandate needs it, whatever the mode says", () => {
    expect(() => mandateFromAP2(tokens.closed_payment)).toThrow(/open mandate/);
    expect(mandateFromAP2({ paymentMandate: tokens.closed_payment, openMandateHash: "fallback" }).openMandateHash).toBe(
      "fallback",
    );
    expect(() => mandateFromAP2(closed, { mode: "hnp" })).toThrow(/open mandate/);
  });
  it("the identity survives a disclosure left out and a second spelling of the signature", () => {
    const [jwt = "", , mandate = ""] = tokens.open_payment.split("~");
    const redacted = `${jwt}~${mandate}~`;
    const [header = "", payload = "", signature = ""] = jwt.split(".");
    const respelled = `${header}.${payload}.${signature.slice(0, -4)}AAAA`;
    const idOf = (open: string) => parseChain(open).map((hop) => hop.signingInput);
    expect(idOf(redacted)).toEqual(idOf(tokens.open_payment));
    expect(idOf(`${respelled}~${mandate}~`)).toEqual(idOf(tokens.open_payment));
  });
  it("an open mandate that the closed one was not signed under is refused", () => {
    expect(() =>
      mandateFromAP2({ paymentMandate: tokens.closed_payment, openPaymentMandate: tokens.open_checkout }),
    ).toThrow(AP2MandateError);
    expect(() => mandateFromAP2({ paymentMandate: closed, checkoutMandate: tokens.checkout_chain })).toThrow(
      /another transaction/,
    );
  });
  it("a payment that the open mandate does not allow is refused", () => {
    const [, mandate] = [0, parseChain(tokens.open_payment)[0]?.mandate];
    const constraints = mandate?.["constraints"] as never;
    expect(checkConstraints(constraints, closed)).toEqual([]);
    expect(
      checkConstraints(constraints, { ...closed, payment_amount: { amount: 20_001, currency: "USD" } }),
    ).toMatchObject([{ type: "payment.amount_range" }]);
    expect(checkConstraints(constraints, { ...closed, payment_amount: { amount: 1, currency: "EUR" } })).toMatchObject([
      { type: "payment.amount_range" },
    ]);
    expect(checkConstraints(constraints, { ...closed, payee: { id: "other", name: "O" } })).toMatchObject([
      { type: "payment.allowed_payees" },
    ]);
  });
});

describe("tokens that say something twice", () => {
  const encode = (value: unknown) => base64url(utf8(JSON.stringify(value)));
  const disclosure = encode(["salt", closed]);
  const token = (payload: object, ...disclosures: string[]) =>
    `${encode({ alg: "ES256" })}.${encode(payload)}.${encode("s")}~${disclosures.map((text) => `${text}~`).join("")}`;
  const reference = { "...": hashText(disclosure) };
  it("one disclosure in two places, or twice, is malformed", () => {
    expect(mandateFromAP2(token({ delegate_payload: [reference] }, disclosure)).amountValue).toBe("199.00");
    expect(() => mandateFromAP2(token({ delegate_payload: [reference, reference] }, disclosure))).toThrow(
      /one disclosure twice/,
    );
    expect(() => mandateFromAP2(token({ delegate_payload: [reference] }, disclosure, disclosure))).toThrow(
      /a disclosure twice/,
    );
  });
  it("a disclosed member must not stand there already", () => {
    const member = encode(["salt", "transaction_id", "other"]);
    const doubled = { ...closed, _sd: [hashText(member)] };
    expect(() => mandateFromAP2(token({ delegate_payload: [doubled] }, member))).toThrow(/there already/);
  });
  it("a mandate that was not disclosed, another digest, and JSON with doubled members are malformed", () => {
    expect(() => mandateFromAP2(token({ delegate_payload: [reference] }))).toThrow(/does not disclose/);
    expect(() => mandateFromAP2(token({ delegate_payload: [reference], _sd_alg: "sha-512" }, disclosure))).toThrow(
      /sha-256/,
    );
    const doubled = `${encode({ alg: "ES256" })}.${base64url(utf8('{"a":1,"a":2}'))}.${encode("s")}~`;
    expect(() => mandateFromAP2(doubled)).toThrow(/no strict JSON/);
  });
});

describe("objects of every generation", () => {
  it("v0.2 objects, snake and camel case: 19900 minor units are $199.00, never $19,900", () => {
    const camel = {
      vct: "mandate.payment.1",
      transactionId: "tx",
      payee: closed.payee,
      paymentAmount: closed.payment_amount,
    };
    for (const document of [closed, camel]) {
      const mandate = mandateFromAP2(document);
      expect(mandate).toMatchObject({
        transactionId: "tx",
        amountValue: "199.00",
        payeeWebsite: "demo-merchant.example",
      });
      expect(toMicrocents(mandate.amountValue, mandate.currency)).toBe(19_900_000_000n);
    }
  });
  it("a payee without a website is named by its id", () => {
    expect(mandateFromAP2({ ...closed, payee: { id: "m1", name: "M" } }).payeeWebsite).toBe("m1");
  });
  it("v0.1 objects: a decimal by its shortest text", () => {
    const v01 = (value: number) => ({
      payment_mandate_contents: {
        payment_mandate_id: "pm",
        payment_details_id: "order_1",
        payment_details_total: { label: "Total", amount: { currency: "USD", value } },
        payment_response: {},
        merchant_agent: "Merchant.example",
        timestamp: "2026-01-01",
      },
    });
    expect(mandateFromAP2(v01(120))).toMatchObject({
      transactionId: "order_1",
      amountValue: "120",
      payeeWebsite: "merchant.example",
    });
    expect(() => toMicrocents(mandateFromAP2(v01(0.1 + 0.2)).amountValue, "USD")).toThrow(AP2MandateError);
  });
  it("amount and value together is an error; so is another vct, and one member in both cases", () => {
    expect(() =>
      mandateFromAP2({ ...closed, payment_amount: { amount: 19_900, value: "199", currency: "USD" } }),
    ).toThrow(/give one/);
    expect(() => mandateFromAP2({ ...closed, vct: "mandate.payment.2" })).toThrow(AP2MandateError);
    expect(() => mandateFromAP2({ ...closed, transactionId: "other" })).toThrow(/both snake and camel/);
    expect(() => mandateFromAP2({ ...closed, payment_amount: { amount: 199.5, currency: "USD" } })).toThrow(
      AP2MandateError,
    );
  });
});

describe("minor units by ISO 4217, not by Intl", () => {
  it.each([
    ["JPY", 5_000, "5000"],
    ["BHD", 5_001, "5.001"],
    ["HUF", 12_345, "123.45"],
    ["IQD", 12_345, "12.345"],
    ["CLF", 12_345, "1.2345"],
    ["usd", 5, "0.05"],
  ])("%s", (currency, amount, amountValue) => {
    expect(mandateFromAP2({ ...closed, payment_amount: { amount, currency } }).amountValue).toBe(amountValue);
  });
  it("a code that is no currency is refused, not guessed", () => {
    expect(minorUnitExponent("XXX")).toBeUndefined();
    expect(minorUnitExponent("US")).toBeUndefined();
    expect(() => mandateFromAP2({ ...closed, payment_amount: { amount: 1, currency: "ZZZ" } })).toThrow(/ISO 4217/);
  });
});

describe("constraints in exact integers", () => {
  const check = (constraint: object, change: object = {}) =>
    checkConstraints([constraint as never], { ...closed, ...change });
  it("an unknown rule and an undisclosed one must fail", () => {
    expect(check({ type: "payment.tomorrow" })).toHaveLength(1);
    expect(check({ type: "toString" })).toHaveLength(1);
    expect(check({ "...": "digest" })).toMatchObject([{ type: "undisclosed" }]);
  });
  it("$19.99 is 1999 minor units, not 1998", () => {
    const paid = { payment_amount: { amount: 1_999, currency: "USD" } };
    expect(check({ type: "payment.amount_range", currency: "USD", max: 1_999 }, paid)).toEqual([]);
    expect(check({ type: "payment.amount_range", currency: "USD", max: 1_998 }, paid)).toHaveLength(1);
  });
  it("bounds that are no whole minor units fail", () => {
    expect(check({ type: "payment.amount_range", currency: "USD", max: 200.5 })).toHaveLength(1);
  });
  it("dates are instants, not texts", () => {
    const rule = {
      type: "payment.execution_date",
      not_before: "2026-01-01T00:00:00Z",
      not_after: "2026-01-02T00:00:00+02:00",
    };
    expect(check(rule, { execution_date: "2026-01-01T23:00:00+02:00" })).toEqual([]);
    expect(check(rule, { execution_date: "2026-01-01T23:00:00Z" })).toHaveLength(1);
    expect(check(rule)).toHaveLength(1);
  });
  it.each(["QUARTERLY", "BIWEEKLY", "ON_DEMAND"])("frequency %s is known", (frequency) => {
    expect(check({ type: "payment.agent_recurrence", frequency })).toEqual([]);
  });
  it("an unknown frequency fails", () => {
    expect(check({ type: "payment.agent_recurrence", frequency: "HOURLY" })).toHaveLength(1);
  });
});
