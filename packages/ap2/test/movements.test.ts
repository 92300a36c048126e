import { stringifyJson } from "@imprest/core/internal";
import {
  AP2CurrencyError,
  AP2GuardDenied,
  AP2PaymentDeclined,
  classifyHttpError,
  classifyPspError,
  classifyStripeError,
  denialReceipt,
  guardRefund,
  recover,
  withReservation,
} from "@imprest/ap2";
import { Stripe } from "stripe";
import { describe, expect, it } from "vitest";
import { createHarness, makeMandate, makeTerms } from "./support/harness.ts";

describe("other currencies by a quote", () => {
  const mandate = makeMandate({ currency: "EUR", amountValue: "10.00" });
  const quote = { id: "q1", currency: "EUR", rate: "1.08370000005", expiresAtMs: Date.now() + 60_000 };
  it("prices exactly, rounds a fraction of a microcent up, and records the quote", async () => {
    const { cycles, authority } = createHarness();
    const {
      settlement: { receipt },
    } = await withReservation(authority, makeTerms({ mandate, quote: () => quote }), () => {});
    const [reserve] = cycles.requests("reserve");
    expect(reserve?.body).toMatchObject({
      estimate: { amount: 1_083_700_001 },
      metadata: { fx_quote: { id: "q1", currency: "EUR", rate: "1.08370000005", expires_at_ms: quote.expiresAtMs } },
      subject: { dimensions: { payment_currency: "EUR" } },
    });
    expect(receipt?.amount_micros).toBe(1_083_700_001n);
  });
  it.each([
    ["no quote", undefined],
    ["a quote of another currency", { ...quote, currency: "GBP" }],
    ["an old quote", { ...quote, expiresAtMs: 1 }],
    ["a quote without a rate", { ...quote, rate: "0" }],
    ["a quote with a float's text", { ...quote, rate: "1e-3" }],
  ])("%s is refused", async (_, given) => {
    const { cycles, authority } = createHarness();
    await expect(withReservation(authority, makeTerms({ mandate, quote: given }), () => {})).rejects.toThrow(
      AP2CurrencyError,
    );
    expect(cycles.seen).toHaveLength(0);
  });
});

describe("refunds", () => {
  const refund = (number: number, amount: bigint) => ({ ...makeTerms(), refund: { number, amount } });
  it("each once, together never more than was captured; booked with nothing; a receipt of its own schema", async () => {
    const { cycles, authority } = createHarness();
    await withReservation(authority, makeTerms(), (payment) => payment.charged({ amount: 100n }));
    const {
      settlement: { receipt },
    } = await guardRefund(authority, refund(1, 60n), (payment) => payment.charged({ reference: "re_1", amount: 60n }));
    expect(receipt).toMatchObject({
      schema: "runtime_authority.ap2.payment.refund.v1",
      action_kind: "payment.refund",
      amount_micros: 60n,
      psp_ref: "re_1",
    });
    expect(cycles.reservations.get("rsv_2")).toMatchObject({
      reserved: 0,
      committed: 0,
      committedMetadata: { refund_microcents: "60", psp_ref: "re_1" },
    });
    expect(cycles.requests("reserve")[1]?.body["idempotency_key"]).toMatch(/^ap2:refund:[0-9a-f]{32}:reserve:leg1$/);
    await expect(guardRefund(authority, refund(1, 10n), () => {})).rejects.toMatchObject({
      name: "AP2AlreadyConsumed",
    });
    await expect(guardRefund(authority, refund(2, 41n), () => {})).rejects.toThrow(/exceed/);
    await expect(guardRefund(authority, refund(2, 40n), () => {})).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
    expect(cycles.spent).toBe(100);
  });
  it("of what was never captured there is none; a refused one may be tried again; an uncertain one is recovered", async () => {
    const { cycles, authority } = createHarness();
    await expect(guardRefund(authority, refund(1, 1n), () => {})).rejects.toMatchObject({
      code: "ERR_AP2_NOTHING_PAID",
    });
    await withReservation(authority, makeTerms(), () => {});
    const declined = () => Promise.reject(new AP2PaymentDeclined("no"));
    await expect(guardRefund(authority, refund(1, 5n), declined)).rejects.toThrow("no");
    await expect(guardRefund(authority, refund(1, 5n), () => Promise.reject(new Error("lost")))).rejects.toThrow();
    const recovery = await recover(authority, { lookupCharge: () => ({ status: "charged", reference: "re_9" }) });
    expect(recovery).toMatchObject({ settled: 1 });
    expect([...cycles.reservations.values()].at(-1)).toMatchObject({
      status: "COMMITTED",
      committed: 0,
      committedMetadata: { refund_microcents: "5", psp_ref: "re_9" },
    });
  });
});

describe("legs", () => {
  const leg = (number: number, amountValue: string) => makeTerms({ leg: { number, amountValue } });
  it("each leg is one reservation under one parent; together they stay within the mandate's amount", async () => {
    const { cycles, authority } = createHarness();
    await withReservation(authority, leg(1, "99.00"), () => {});
    await expect(withReservation(authority, leg(1, "1.00"), () => {})).rejects.toMatchObject({
      name: "AP2AlreadyConsumed",
    });
    await expect(withReservation(authority, leg(2, "100.01"), () => {})).rejects.toThrow(/exceed/);
    await withReservation(authority, leg(2, "100.00"), () => {});
    await expect(withReservation(authority, makeTerms(), () => {})).rejects.toThrow(/with and without legs/);
    expect(cycles.spent).toBe(19_900_000_000);
    expect(cycles.requests("reserve").map(({ body }) => String(body["idempotency_key"]).split(":").at(-1))).toEqual([
      "leg1",
      "leg2",
    ]);
  });
  it("legs agree on the mandate's amount and currency: a larger one does not make room for more", async () => {
    const { cycles, authority } = createHarness();
    await withReservation(authority, leg(1, "60.00"), () => {});
    const quote = { id: "q", currency: "EUR", rate: "1.1", expiresAtMs: Number.MAX_SAFE_INTEGER };
    for (const mandate of [makeMandate({ amountValue: "1000.00" }), makeMandate({ currency: "EUR" })]) {
      const larger = withReservation(authority, { ...leg(2, "1.00"), mandate, quote }, () => expect.unreachable());
      await expect(larger).rejects.toThrow("another amount or currency");
    }
    expect(cycles.spent).toBe(6_000_000_000);
  });
  it("a first leg beyond the whole is refused too", async () => {
    const { authority } = createHarness();
    await expect(withReservation(authority, leg(1, "199.01"), () => {})).rejects.toThrow(/exceed/);
  });
});

describe("test_receipt.py", () => {
  it("a denial has a receipt, with the authority's evidence where there is one", async () => {
    const { cycles, authority } = createHarness();
    const evidence = { evidence_id: "a".repeat(64), cycles_evidence_url: "https://authority.example/v1/evidence/a" };
    cycles.fault = () => ({
      status: 409,
      body: { error: "BUDGET_EXCEEDED", message: "m", request_id: "r", cycles_evidence: evidence },
    });
    const denied = (await withReservation(authority, makeTerms(), () => {}).catch(
      (error: unknown) => error,
    )) as AP2GuardDenied;
    expect(denied).toBeInstanceOf(AP2GuardDenied);
    expect(stringifyJson(denialReceipt(makeTerms(), denied, 5))).toBe(
      `{"schema":"runtime_authority.ap2.payment.charge.v1","decision":"DENY","tenant":"acme","agent":"checkout-bot","ap2_transaction_id":"ap2-tx-001","checkout_hash":"ch_demo","action_kind":"payment.charge","amount_unit":"USD_MICROCENTS","amount_micros":19900000000,"policy_keys":{"host":"merchant.example","custom":{"payment_protocol":"ap2","payment_currency":"USD"}},"issued_at_ms":5,"committed":false,"reason_code":"BUDGET_EXCEEDED","evidence":{"evidence_id":"${"a".repeat(64)}","cycles_evidence_url":"https://authority.example/v1/evidence/a"}}`,
    );
  });
  it("minimum_fields, issued_at_ms_defaults_to_now, psp_ref_and_extra: a psp_ref that is no text is an extra", async () => {
    const { authority } = createHarness();
    const {
      settlement: { receipt },
    } = await withReservation(authority, makeTerms(), (payment) => payment.attachReceiptFields({ psp_ref: 7 }));
    expect(receipt).toMatchObject({ committed: true, extra: { psp_ref: 7 } });
    expect(receipt).not.toHaveProperty("psp_ref");
    expect(Math.abs((receipt?.issued_at_ms ?? 0) - Date.now())).toBeLessThan(5_000);
  });
});

describe("what a PSP's error says", () => {
  const { errors } = Stripe;
  it.each([
    ["card", new errors.StripeCardError({ type: "card_error" }), "declined"],
    ["invalid request", new errors.StripeInvalidRequestError({ type: "invalid_request_error" }), "unknown"],
    ["authentication", new errors.StripeAuthenticationError({ type: "authentication_error" }), "unknown"],
    ["rate limit", new errors.StripeRateLimitError({ type: "rate_limit_error" }), "unknown"],
    ["connection", new errors.StripeConnectionError({ type: "api_error" }), "unknown"],
    ["API", new errors.StripeAPIError({ type: "api_error" }), "unknown"],
    ["idempotency", new errors.StripeIdempotencyError({ type: "idempotency_error" }), "unknown"],
  ])("stripe %s error", (_, error, outcome) => {
    expect(classifyStripeError(error)).toBe(outcome);
    expect(classifyPspError(error)).toBe(outcome);
  });
  it.each([
    [402, "declined"],
    [400, "unknown"],
    [401, "unknown"],
    [403, "unknown"],
    [404, "unknown"],
    [422, "unknown"],
    [429, "unknown"],
    [408, "unknown"],
    [409, "unknown"],
    [425, "unknown"],
    [500, "unknown"],
    [503, "unknown"],
    [200, "unknown"],
  ])("HTTP %d", (status, outcome) => {
    expect(classifyHttpError({ status })).toBe(outcome);
    expect(classifyHttpError({ statusCode: status })).toBe(outcome);
    expect(classifyHttpError({ response: { status } })).toBe(outcome);
  });
  it.each([null, undefined, "text", {}, { status: "402" }, new TypeError("fetch failed")])(
    "%s says nothing",
    (error) => {
      expect(classifyHttpError(error)).toBe("unknown");
      expect(classifyPspError(error)).toBe("unknown");
    },
  );
  it("the guard's own word", () => expect(classifyPspError(new AP2PaymentDeclined("no"))).toBe("declined"));
});
