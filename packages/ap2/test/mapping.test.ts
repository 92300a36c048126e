import { ValidationError } from "@imprest/core";
import { stringifyJson } from "@imprest/core/internal";
import {
  AP2CurrencyError,
  AP2MandateError,
  buildCommitBody,
  buildReleaseBody,
  buildReserveBody,
  idempotencyKey,
  mandateFromAP2,
  toMicrocents,
} from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { makeMandate, makeTerms } from "./support/harness.ts";

// The Python guard's test_mapping.py, name by name; what it checks beyond the conformance data.

const reserve = makeTerms();

describe("keys", () => {
  it("test_reserve_phase_tx_scope, test_commit_phase, test_release_with_suffix_tx_scope", async () => {
    expect(await idempotencyKey(makeMandate(), "reserve")).toMatch(/^ap2:tx:[0-9a-f]{32}:reserve$/);
    expect(await idempotencyKey(makeMandate(), "commit")).toMatch(/^ap2:tx:[0-9a-f]{32}:commit$/);
    expect(await idempotencyKey(makeMandate(), "release", "RuntimeError")).toMatch(
      /^ap2:tx:[0-9a-f]{32}:release:RuntimeError$/,
    );
  });
  it("test_release_sanitizes_unsafe_chars, test_non_ascii_suffix_is_sanitized_to_ascii", async () => {
    expect(await idempotencyKey(makeMandate(), "release", "some/bad value")).toMatch(/:release:some_bad_value$/);
    expect(await idempotencyKey(makeMandate(), "release", "Échec")).toMatch(/:release:_chec$/);
    expect(await idempotencyKey(makeMandate(), "release", "💥Boom")).toMatch(/:release:_Boom$/);
  });
  it("test_long_transaction_id_does_not_drop_phase, test_distinct_long_tx_ids_yield_distinct_keys, test_key_length_bounded", async () => {
    const long = (tail: string) => idempotencyKey({ transactionId: "y".repeat(252) + tail }, "reserve");
    expect(await long("AAAA")).not.toBe(await long("BBBB"));
    expect(await long("AAAA")).toMatch(/:reserve$/);
    expect(
      (await idempotencyKey({ transactionId: "x".repeat(256) }, "release", "x".repeat(256))).length,
    ).toBeLessThanOrEqual(256);
  });
  it("test_unsafe_transaction_id_chars_do_not_leak_to_header", async () => {
    expect(await idempotencyKey({ transactionId: "tx with\nnewline\r\0" }, "reserve")).toMatch(/^[\w:.-]+$/);
  });
  it("test_open_mandate_scope_used_when_hash_present, test_different_transactions_same_open_mandate_share_key", async () => {
    const one = { transactionId: "a", openMandateHash: "omh" };
    expect(await idempotencyKey(one, "reserve")).toMatch(/^ap2:open_mandate:[0-9a-f]{32}:reserve$/);
    expect(await idempotencyKey(one, "reserve")).toBe(await idempotencyKey({ ...one, transactionId: "b" }, "reserve"));
  });
  it("test_tx_and_open_mandate_namespaces_never_collide, test_open_mandate_scope_takes_precedence_over_transaction_id", async () => {
    const tx = await idempotencyKey({ transactionId: "same" }, "reserve");
    const open = await idempotencyKey({ transactionId: "same", openMandateHash: "same" }, "reserve");
    expect(open).not.toBe(tx);
    expect(open.split(":")[2]).toBe(tx.split(":")[2]);
  });
});

describe("the mandate", () => {
  it.each(["openMandateHash", "checkoutHash"] as const)(
    "test_empty_open_mandate_hash, test_empty_checkout_hash: %s is rejected",
    async (name) => {
      await expect(buildReserveBody({ ...reserve, mandate: makeMandate({ [name]: "" }) })).rejects.toThrow(
        ValidationError,
      );
    },
  );
  it("a lone surrogate is refused: two ids would become one", async () => {
    await expect(buildReserveBody({ ...reserve, mandate: makeMandate({ transactionId: "a\ud800" }) })).rejects.toThrow(
      /lone surrogate/,
    );
  });
  it("strips White_Space, not what trim() strips", async () => {
    const key = async (transactionId: string) =>
      (await buildReserveBody({ ...reserve, mandate: makeMandate({ transactionId }) })).idempotency_key;
    expect(await key("\u0085\u3000tx\u00a0")).toBe(await key("tx"));
    expect(await key("\ufefftx")).not.toBe(await key("tx"));
  });
  it("a member that no mandate has is refused", async () => {
    await expect(
      buildReserveBody({ ...reserve, mandate: { ...makeMandate(), idempotencyKey: "mine" } as never }),
    ).rejects.toThrow(ValidationError);
  });
});

describe("TestBuildSubject, TestBuildAction, TestBuildEstimate, TestBuildReservationBody", () => {
  it("minimal and full", async () => {
    expect(
      stringifyJson(
        (await buildReserveBody({ mandate: makeMandate({ checkoutHash: undefined }), runId: "r", tenant: "t" }))
          .subject,
      ),
    ).toBe(
      '{"tenant":"t","dimensions":{"run_id":"r","ap2_transaction_id":"ap2-tx-001","payee_website":"merchant.example","payment_currency":"USD","payment_protocol":"ap2"}}',
    );
  });
  it("canonical_dimensions_win_over_extras", async () => {
    const { subject } = await buildReserveBody({ ...reserve, extraDimensions: { run_id: "hijacked", other: "kept" } });
    expect(subject["dimensions"]).toMatchObject({ run_id: "run_abc123", other: "kept" });
  });
  it("default_kind, action_kind_override", async () => {
    expect((await buildReserveBody(reserve)).action).toEqual({
      kind: "payment.charge",
      name: "ap2.payment_mandate.present",
    });
    expect((await buildReserveBody({ ...reserve, actionKind: "payment.refund" })).action.kind).toBe("payment.refund");
  });
  it("usd_micros, zero_allowed", async () => {
    expect(
      (await buildReserveBody({ ...reserve, mandate: makeMandate({ amountValue: "1.50" }) })).estimate.amount,
    ).toBe(150_000_000n);
    expect((await buildReserveBody({ ...reserve, mandate: makeMandate({ amountValue: "0" }) })).estimate.amount).toBe(
      0n,
    );
  });
  it("full_shape, dry_run_flag, metadata_passthrough", async () => {
    expect(await buildReserveBody(reserve)).not.toHaveProperty("dry_run");
    expect(await buildReserveBody(reserve)).not.toHaveProperty("metadata");
    expect(await buildReserveBody({ ...reserve, dryRun: true, metadata: { a: 1 } })).toMatchObject({
      dry_run: true,
      metadata: { a: 1 },
    });
  });
});

describe("TestAmountMicros", () => {
  it.each([
    ["negative", "-1.00", /non-negative/],
    ["garbage", "abc", /valid decimal/],
    ["nan", "NaN", /finite/],
    ["infinity", "Infinity", /finite/],
    ["negative_infinity", "-Infinity", /finite/],
    ["sub_micro_precision", "0.000000001", /8 decimal places/],
    ["huge_exponent_notation_rejected_short_input", "1E+1000000000000", /int64/],
    ["zero_with_huge_exponent_rejected", "0E+1000000000000", /int64/],
    ["too_many_digits", "123456789012.12345678", /int64/],
    ["int64_max_plus_one_rejected", "92233720368.54775808", /int64/],
    ["19_digit_amount_above_int64_rejected", "99999999999.99999999", /int64/],
  ])("test_%s", (_, value, message) => {
    expect(() => toMicrocents(value, "USD")).toThrow(AP2MandateError);
    expect(() => toMicrocents(value, "USD")).toThrow(message);
  });
  it("test_non_usd", () => expect(() => toMicrocents("1.00", "EUR")).toThrow(AP2CurrencyError));
  it.each([
    ["exactly_eight_decimals", "1.12345678", 112_345_678n],
    ["large_value_converts_exactly_within_int64_cap", "90071992.54740993", 9_007_199_254_740_993n],
    ["integer_value", "100", 10_000_000_000n],
    ["int64_max_exact_accepted", "92233720368.54775807", 9_223_372_036_854_775_807n],
  ])("test_%s", (_, value, expected) => expect(toMicrocents(value, "USD")).toBe(expected));
  it.each(["１２", "١٢.٥", "1_000.50"])("ap2 issue: exotic numeral %s only with compat", (value) => {
    expect(() => toMicrocents(value, "USD")).toThrow(AP2MandateError);
    expect(toMicrocents(value, "USD", { compat: "python" })).toBeGreaterThan(0n);
  });
  it("Arabic-Indic and mathematical digits have their values", () => {
    expect(toMicrocents("١٢.٥", "USD", { compat: "python" })).toBe(1_250_000_000n);
    expect(toMicrocents("𝟙𝟚", "USD", { compat: "python" })).toBe(1_200_000_000n);
    expect(toMicrocents("1_000.50", "USD", { compat: "python" })).toBe(100_050_000_000n);
  });
});

describe("TestBuildCommitBody, TestBuildReleaseBody", () => {
  it("defaults_to_mandate_amount, actual_override, metadata_attached", async () => {
    expect((await buildCommitBody(makeMandate())).actual.amount).toBe(19_900_000_000n);
    expect(await buildCommitBody(makeMandate(), { actual: 1n, metadata: { a: "b" } })).toMatchObject({
      actual: { amount: 1n },
      metadata: { a: "b" },
    });
  });
  it.each([true, false, 1.5, 1, "100", [100], null])("rejects_non_int_types %s", async (actual) => {
    await expect(buildCommitBody(makeMandate(), { actual: actual as never })).rejects.toThrow(/bigint/);
  });
  it("negative, above_int64", async () => {
    await expect(buildCommitBody(makeMandate(), { actual: -1n })).rejects.toThrow(/non-negative/);
    await expect(buildCommitBody(makeMandate(), { actual: 2n ** 63n })).rejects.toThrow(/int64/);
  });
  it("with_exception_type, reason_truncated", async () => {
    expect((await buildReleaseBody(makeMandate(), { reason: "r", suffix: "ValueError" })).idempotency_key).toMatch(
      /:release:ValueError$/,
    );
    expect((await buildReleaseBody(makeMandate(), { reason: "x".repeat(500) })).reason).toHaveLength(256);
    expect((await buildReleaseBody(makeMandate(), { reason: "💥".repeat(256) })).reason).toHaveLength(256);
  });
});

describe("TestFromAp2 and test_ap2_shape_adapter.py", () => {
  const payment = {
    transaction_id: "tx",
    payment_amount: { value: "49.99", currency: "USD" },
    payee: { website: "merchant.example" },
  };
  it("minimum_fields, minimal_human_present_flow", () => {
    const mandate = mandateFromAP2(payment);
    expect(mandate).toEqual({
      transactionId: "tx",
      amountValue: "49.99",
      currency: "USD",
      payeeWebsite: "merchant.example",
    });
    expect(toMicrocents(mandate.amountValue, mandate.currency)).toBe(4_999_000_000n);
  });
  it("payee_identifier_fallback", () => {
    expect(mandateFromAP2({ ...payment, payee: { website: "", identifier: "did:example:m" } }).payeeWebsite).toBe(
      "did:example:m",
    );
  });
  it("missing_payee_raises, missing_field_raises", () => {
    expect(() => mandateFromAP2({ ...payment, payee: {} })).toThrow(AP2MandateError);
    expect(() => mandateFromAP2({ payment_amount: payment.payment_amount, payee: payment.payee })).toThrow(
      AP2MandateError,
    );
    expect(() => mandateFromAP2({})).toThrow(AP2MandateError);
  });
  it("human_not_present_with_checkout, checkout_mandate_hash, checkout_hash_alt_naming_still_falls_through", () => {
    const from = (checkoutMandate: object) =>
      mandateFromAP2({ paymentMandate: payment, checkoutMandate, openMandateHash: "omh" });
    expect(from({ hash: "ch" })).toMatchObject({ checkoutHash: "ch", openMandateHash: "omh" });
    expect(from({ checkout_hash: "other" }).checkoutHash).toBe("other");
  });
  it("empty_checkout_hash_is_rejected_not_silently_dropped", () => {
    expect(() => mandateFromAP2({ paymentMandate: payment, checkoutMandate: { hash: "" } })).toThrow(ValidationError);
  });
});
