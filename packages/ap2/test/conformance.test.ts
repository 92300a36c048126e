import { stringifyJson } from "@imprest/core/internal";
import {
  AP2CurrencyError,
  AP2MandateError,
  type AP2Mandate,
  buildCommitBody,
  buildReceipt,
  buildReleaseBody,
  buildReserveBody,
  idempotencyKey,
  toMicrocents,
} from "@imprest/ap2";
import { ValidationError } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { conformance, isMissing } from "./support/conformance.ts";

interface AmountCase {
  readonly amount_value: string;
  readonly currency: string;
  readonly micros?: string;
  readonly err?: "AP2MandateError" | "AP2CurrencyError" | "ValidationError";
}

interface WireMandate {
  readonly transaction_id: string;
  readonly amount_value: string;
  readonly currency: string;
  readonly payee_website: string;
  readonly checkout_hash?: string;
  readonly open_mandate_hash?: string;
}

const errors = { AP2MandateError, AP2CurrencyError, ValidationError };

function mandateOf(wire: WireMandate): AP2Mandate {
  return {
    transactionId: wire.transaction_id,
    amountValue: wire.amount_value,
    currency: wire.currency,
    payeeWebsite: wire.payee_website,
    checkoutHash: wire.checkout_hash,
    openMandateHash: wire.open_mandate_hash,
  };
}

describe.skipIf(isMissing)("byte-identical with the Python guard v0.3", () => {
  const amounts = isMissing ? [] : (conformance("amounts.json") as AmountCase[]);
  it.each(amounts)("amount $amount_value $currency", ({ amount_value: value, currency, micros, err }) => {
    const convert = (): bigint => toMicrocents(value, currency, { compat: "python" });
    if (err) expect(convert).toThrow(errors[err]);
    else expect(convert()).toBe(BigInt(micros ?? ""));
  });

  it.each(amounts.filter(({ amount_value: value }) => /^[\x20-\x7e]*$/.test(value) && !value.includes("_")))(
    "plain amount $amount_value $currency without compat",
    ({ amount_value: value, currency, micros, err }) => {
      const convert = (): bigint => toMicrocents(value, currency);
      if (err) expect(convert).toThrow(errors[err]);
      else expect(convert()).toBe(BigInt(micros ?? ""));
    },
  );

  const keys = isMissing
    ? { keys: [], suffixes: [] }
    : (conformance("idempotency-keys.json") as {
        keys: {
          case: string;
          mandate: WireMandate;
          reserve: string;
          commit: string;
          release: string;
          release_RuntimeError: string;
        }[];
        suffixes: { suffix: string | null; key_tx: string; key_om: string }[];
      });
  it.each(keys.keys)("key of $case", async ({ mandate: wire, ...expected }) => {
    const mandate = mandateOf(wire);
    expect(await idempotencyKey(mandate, "reserve")).toBe(expected.reserve);
    expect(await idempotencyKey(mandate, "commit")).toBe(expected.commit);
    expect(await idempotencyKey(mandate, "release")).toBe(expected.release);
    expect(await idempotencyKey(mandate, "release", "RuntimeError")).toBe(expected.release_RuntimeError);
    expect((await buildReserveBody({ mandate: mandateOf(wire), runId: "r", tenant: "t" })).idempotency_key).toBe(
      expected.reserve,
    );
  });

  it.each(keys.suffixes)("release suffix $suffix", async ({ suffix, key_tx, key_om }) => {
    expect(await idempotencyKey({ transactionId: "ap2-tx-001" }, "release", suffix ?? undefined)).toBe(key_tx);
    expect(
      await idempotencyKey({ transactionId: "x", openMandateHash: "omh_abc" }, "release", suffix ?? undefined),
    ).toBe(key_om);
  });

  const bodies = isMissing ? {} : (conformance("request-bodies.json") as Record<string, object>);
  const tx = {
    transactionId: "ap2-tx-9f3c",
    amountValue: "199.00",
    currency: "USD",
    payeeWebsite: "merchant.example",
    checkoutHash: "ch_b1a9",
  };
  const open = { ...tx, openMandateHash: "omh_xyz" };
  const simple = { runId: "run_abc123", tenant: "acme", agent: "checkout-bot" };
  const full = {
    runId: "run_abc123",
    tenant: "acme",
    workspace: "prod",
    app: "checkout",
    workflow: "ap2-hnp",
    agent: "bot",
    toolset: "psp",
    extraDimensions: { customer_segment: "vip" },
    dryRun: true,
    metadata: { trace_id: "abc" },
  };
  const receipt = {
    mandate: tx,
    decision: "ALLOW",
    reservationId: "rsv_1",
    tenant: "acme",
    agent: "checkout-bot",
    actionKind: "payment.charge",
    amount: 19_900_000_000n,
    issuedAtMs: 1_715_600_000_000,
    committed: true,
    fields: { psp_ref: "psp_abc" },
  };
  const built: Record<string, () => unknown> = {
    reserve_tx_v03: () => buildReserveBody({ mandate: tx, ...simple }),
    reserve_tx_v02_policy_keys: () => buildReserveBody({ mandate: tx, ...simple, wire: "policy_keys" }),
    reserve_open_mandate_full_v03: () => buildReserveBody({ mandate: open, ...full }),
    reserve_open_mandate_full_v02_policy_keys: () => buildReserveBody({ mandate: open, ...full, wire: "policy_keys" }),
    commit_default: () => buildCommitBody(tx),
    commit_override_meta: () =>
      buildCommitBody(tx, { actual: 5_000_000_000n, metadata: { psp_ref: "psp_abc", trace_id: "t1" } }),
    commit_open_mandate: () => buildCommitBody(open),
    release_exception: () => buildReleaseBody(tx, { reason: "ap2_guard_failed:RuntimeError", suffix: "RuntimeError" }),
    release_abort: () => buildReleaseBody(tx, { reason: "ap2_guard_aborted:psp_returned_failure", suffix: "Aborted" }),
    release_commit_rejected: () =>
      buildReleaseBody(tx, { reason: "ap2_commit_rejected:INVALID_REQUEST", suffix: "CommitRejected" }),
    // Absent members of the receipt are absent, not null: a document of ours is the one that Python writes without nulls.
    receipt_v03_model_dump_by_alias: () => ({ ...buildReceipt(receipt), extra: null }),
    receipt_v03_exclude_none: () => buildReceipt(receipt),
  };
  it.each(Object.entries(bodies))("body %s", async (name, expected) => {
    expect(stringifyJson(await built[name]?.())).toBe(JSON.stringify(expected));
  });
});
