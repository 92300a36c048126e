import { inspect } from "node:util";
import { AbortedError, type SpendEvents, ValidationError, settlementQueue } from "@imprest/core";
import {
  AP2AlreadyConsumed,
  AP2DryRunResult,
  AP2GuardCommitFailed,
  AP2GuardCommitUncertain,
  AP2GuardDenied,
  AP2PaymentDeclined,
  AP2ReserveUncertain,
  type PaymentSettlement,
  guard,
  openPayment,
  paymentAuthority,
  recover,
  withReservation,
} from "@imprest/ap2";
import { createManualClock } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { refusal } from "./support/fake-cycles.ts";
import { createHarness, makeMandate, makeTerms } from "./support/harness.ts";

const keyOf = (phase: string) => `ap2:tx:0094424f06331addbe7b9977acf59843:${phase}`;
const boom = () => Promise.reject(new RangeError("boom"));

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail("it resolved"),
    (error: unknown) => error,
  );
}

describe("test_guard_clean_commit.py", () => {
  it("commit_called_with_ap2_idempotency_key", async () => {
    const { cycles, authority } = createHarness();
    const result = await withReservation(authority, makeTerms(), () => "done");
    expect(result).toMatchObject({
      value: "done",
      settlement: { status: "committed", reservationId: "rsv_1", charged: { amount: 19_900_000_000n } },
    });
    expect(cycles.requests("reserve")[0]?.body["idempotency_key"]).toBe(keyOf("reserve"));
    expect(cycles.requests("commit")[0]?.text).toBe(
      `{"idempotency_key":"${keyOf("commit")}","actual":{"unit":"USD_MICROCENTS","amount":19900000000}}`,
    );
    expect(cycles.requests("release")).toHaveLength(0);
  });

  it("what goes out is the compatible body plus the claim", async () => {
    const { cycles, authority } = createHarness();
    await withReservation(authority, makeTerms({ metadata: { trace_id: "t" } }), () => {});
    const metadata = cycles.requests("reserve")[0]?.body["metadata"];
    expect(Object.keys(metadata as object)).toEqual(["trace_id", "ap2_claim"]);
    expect(cycles.requests("reserve")[0]?.text).toMatch(
      /^\{"idempotency_key":"ap2:tx:\w+:reserve","subject":\{"tenant":"acme","agent":"checkout-bot","dimensions":\{"run_id":"run_abc123","ap2_transaction_id":"ap2-tx-001","payee_website":"merchant.example","payment_currency":"USD","payment_protocol":"ap2","checkout_hash":"ch_demo"\}\},"action":\{"kind":"payment.charge","name":"ap2.payment_mandate.present"\},"estimate":\{"unit":"USD_MICROCENTS","amount":19900000000\},"ttl_ms":60000,"overage_policy":"REJECT","metadata":/,
    );
  });

  it("actual_micros_override_is_committed, set_actual_micros_at_int64_max_accepted", async () => {
    const { cycles, authority } = createHarness();
    await withReservation(authority, makeTerms(), (payment) => payment.charged({ amount: 5n }));
    expect(cycles.requests("commit")[0]?.text).toContain('"amount":5');
    const max = 2n ** 63n - 1n;
    const over = withReservation(authority, makeTerms({ mandate: makeMandate({ transactionId: "max" }) }), (payment) =>
      payment.charged({ amount: max }),
    );
    await expect(over).rejects.toThrow(AP2GuardCommitFailed);
    expect(cycles.requests("commit")[1]?.text).toContain(String(max));
  });

  it.each([true, false, 1.5, 1, "100", [100], -1n, 2n ** 63n])("set_actual_micros_rejects %s", async (amount) => {
    const { cycles, authority } = createHarness();
    // Money moved, and nobody knows how much: neither committed nor given back, whatever `tracksCharge` promises.
    const paid = withReservation(authority, makeTerms(), (payment) => payment.charged({ amount: amount as never }), {
      tracksCharge: true,
    });
    await expect(paid).rejects.toMatchObject({
      errorCode: "PSP_OUTCOME_UNKNOWN",
      cause: { message: expect.stringMatching(/charged.amount/) },
    });
    expect(cycles.requests("commit")).toHaveLength(0);
    expect(cycles.requests("release")).toHaveLength(0);
    await expect(
      recover(authority, { lookupCharge: () => ({ status: "charged", amount: 7n }) }),
    ).resolves.toMatchObject({
      settled: 1,
    });
    expect(cycles.spent).toBe(7);
  });

  it("attach_receipt_fields_lands_in_commit_metadata_and_receipt", async () => {
    const { cycles, authority } = createHarness();
    const {
      settlement: { receipt },
    } = await withReservation(authority, makeTerms(), (payment) => {
      payment.attachReceiptFields({ psp_ref: "psp_abc", trace_id: "t1" });
    });
    expect(cycles.requests("commit")[0]?.body["metadata"]).toEqual({ psp_ref: "psp_abc", trace_id: "t1" });
    expect(receipt).toMatchObject({
      psp_ref: "psp_abc",
      extra: { trace_id: "t1" },
      committed: true,
      amount_micros: 19_900_000_000n,
    });
  });

  it("emit_receipt_false_skips_receipt", async () => {
    const { authority } = createHarness();
    const { settlement } = await withReservation(authority, makeTerms(), () => {}, { emitReceipt: false });
    expect(settlement).not.toHaveProperty("receipt");
  });

  it("reserve_body_carries_policy_keys behind the wire option, and today's server refuses it", async () => {
    const { cycles, authority } = createHarness();
    const paid = withReservation(authority, makeTerms({ wire: "policy_keys" }), () => {});
    await expect(paid).rejects.toMatchObject({ reasonCode: "INVALID_REQUEST" });
    expect(cycles.requests("reserve")[0]?.body["action"]).toHaveProperty("policy_keys.host", "merchant.example");
  });

  it("guard binds terms and takes the mandate with each call", async () => {
    const { cycles, authority } = createHarness();
    const { mandate: _, ...terms } = makeTerms();
    const pay = guard(authority, terms, (payment, item: string) => `${item} for ${payment.microcents}`);
    await expect(pay(makeMandate(), "shoes")).resolves.toBe("shoes for 19900000000");
    expect(cycles.reservations.get("rsv_1")?.status).toBe("COMMITTED");
  });

  it("guard takes terms and options after the call's own arguments", async () => {
    const { cycles, authority } = createHarness();
    const { mandate: _, ...terms } = makeTerms();
    const settlements: PaymentSettlement[] = [];
    const pay = guard(
      authority,
      (_mandate, run: string) => ({ ...terms, runId: run }),
      (_payment, run) => run,
      (_mandate, run) => ({
        emitReceipt: run === "run_9",
        onSettlement: (settlement) => settlements.push(settlement),
      }),
    );
    await expect(pay(makeMandate(), "run_8")).resolves.toBe("run_8");
    await expect(pay(makeMandate({ transactionId: "ap2-tx-002" }), "run_9")).resolves.toBe("run_9");
    expect(settlements).toMatchObject([
      { status: "committed" },
      { status: "committed", receipt: { ap2_transaction_id: "ap2-tx-002" } },
    ]);
    expect(settlements[0]).not.toHaveProperty("receipt");
    expect(cycles.requests("reserve").map(({ body }) => body["subject"])).toMatchObject([
      { dimensions: { run_id: "run_8" } },
      { dimensions: { run_id: "run_9" } },
    ]);
  });

  it("guard refuses in its promise what terms made of a call throw", async () => {
    const { cycles, authority } = createHarness();
    const terms = (): never => {
      throw new RangeError("no run");
    };
    await expect(guard(authority, terms, () => 1)(makeMandate())).rejects.toThrow("no run");
    expect(cycles.seen).toHaveLength(0);
  });
});

describe("test_guard_denial.py", () => {
  it("deny_decision_raises_before_psp_call", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = () => ({
      answer: () => ({ decision: "DENY", reason_code: "BUDGET_EXCEEDED", affected_scopes: [] }),
    });
    let ran = false;
    const error = await failure(withReservation(authority, makeTerms(), () => (ran = true)));
    expect(error).toBeInstanceOf(AP2GuardDenied);
    expect(error).toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
    expect(ran).toBe(false);
  });
  it("http_error_response_raises_guard_denied, and the mandate may be tried again under the same key", async () => {
    const { cycles, authority } = createHarness();
    cycles.budget = 0;
    await expect(withReservation(authority, makeTerms(), () => {})).rejects.toMatchObject({
      name: "AP2GuardDenied",
      reasonCode: "BUDGET_EXCEEDED",
      requestId: "req_1",
    });
    cycles.budget = 1e15;
    await expect(withReservation(authority, makeTerms(), () => 1)).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
    expect(cycles.requests("reserve").map(({ body }) => body["idempotency_key"])).toEqual([
      keyOf("reserve"),
      keyOf("reserve"),
    ]);
  });
  it("missing_reservation_id_raises_guard_denied", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) =>
      operation === "reserve" ? { answer: ({ reservation_id: _id, ...rest }) => rest } : undefined;
    await expect(withReservation(authority, makeTerms(), () => {})).rejects.toThrow(AP2GuardDenied);
  });
  it("an unknown server code arrives verbatim (Python says UNKNOWN)", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = () => refusal(409, "TOMORROWS_CODE");
    await expect(withReservation(authority, makeTerms(), () => {})).rejects.toMatchObject({
      reasonCode: "TOMORROWS_CODE",
    });
  });
});

describe("test_guard_release_on_exception.py", () => {
  it("runtime_error_triggers_release, value_error_uses_exception_type_in_key (README: compat python)", async () => {
    const { cycles, authority } = createHarness();
    await expect(withReservation(authority, makeTerms({ compat: "python" }), boom)).rejects.toThrow(RangeError);
    expect(cycles.requests("release")[0]?.text).toBe(
      `{"idempotency_key":"${keyOf("release:RangeError")}","reason":"ap2_guard_failed:RangeError"}`,
    );
  });
  it("compat python: a release is no proof: the mandate stays used, and a charge that was made is found and booked", async () => {
    const { cycles, authority } = createHarness();
    await expect(withReservation(authority, makeTerms({ compat: "python" }), boom)).rejects.toThrow(RangeError);
    await expect(withReservation(authority, makeTerms(), () => expect.fail("ran"))).rejects.toThrow(AP2AlreadyConsumed);
    await expect(recover(authority, { lookupCharge: () => ({ status: "charged" }) })).resolves.toMatchObject({
      settled: 1,
    });
    expect(cycles.requests("event")).toHaveLength(1);
    expect(cycles.spent).toBe(19_900_000_000);
  });
  it("abort_releases_on_clean_exit", async () => {
    const { cycles, authority } = createHarness();
    const result = await withReservation(authority, makeTerms(), (payment) => {
      payment.abort("psp_returned_failure");
      return "v";
    });
    expect(result).toEqual({ value: "v", settlement: expect.objectContaining({ status: "released" }) });
    expect(result.settlement).not.toHaveProperty("receipt");
    expect(cycles.requests("release")[0]?.body).toEqual({
      idempotency_key: keyOf("release:Aborted"),
      reason: "ap2_guard_aborted:psp_returned_failure",
    });
    expect(cycles.requests("commit")).toHaveLength(0);
  });
  it("release_failure_is_swallowed: the original error propagates", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) => (operation === "release" ? { status: 500 } : undefined);
    await expect(withReservation(authority, makeTerms({ compat: "python" }), boom)).rejects.toThrow(RangeError);
  });
  it("an abort whose release fails says so", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) => (operation === "release" ? { status: 500 } : undefined);
    const { settlement } = await withReservation(authority, makeTerms(), (payment) => payment.abort(""));
    expect(settlement).toMatchObject({ status: "pending" });
  });
});

describe("what a throw means", () => {
  it("a definite decline releases and rethrows, and the next attempt has a key of its own", async () => {
    const { cycles, authority } = createHarness();
    const declined = new AP2PaymentDeclined("card declined");
    await expect(withReservation(authority, makeTerms(), () => Promise.reject(declined))).rejects.toBe(declined);
    expect(cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
    let charges = 0;
    await withReservation(authority, makeTerms(), () => (charges += 1));
    expect(charges).toBe(1);
    expect(cycles.requests("reserve")[1]?.body["idempotency_key"]).toBe(keyOf("reserve:e1"));
    expect(cycles.requests("commit")[0]?.body["idempotency_key"]).toBe(keyOf("commit:e1"));
    expect(cycles.reservations.get("rsv_2")?.status).toBe("COMMITTED");
  });
  it("anything else is held: nothing released, nothing committed, the mandate stays used", async () => {
    const { cycles, authority } = createHarness();
    const error = await failure(withReservation(authority, makeTerms(), boom));
    expect(error).toBeInstanceOf(AP2GuardCommitUncertain);
    expect(error).toMatchObject({
      errorCode: "PSP_OUTCOME_UNKNOWN",
      reservationId: "rsv_1",
      cause: { message: "boom" },
    });
    expect([...cycles.requests("release"), ...cycles.requests("commit")]).toHaveLength(0);
    await expect(withReservation(authority, makeTerms(), () => {})).rejects.toThrow(AP2AlreadyConsumed);
  });
  it("tracksCharge releases before charging() and holds after it", async () => {
    const { cycles, authority } = createHarness();
    await expect(withReservation(authority, makeTerms(), boom, { tracksCharge: true })).rejects.toThrow(RangeError);
    expect(cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
    const late = withReservation(authority, makeTerms(), (payment) => payment.charging().then(boom), {
      tracksCharge: true,
    });
    await expect(late).rejects.toThrow(AP2GuardCommitUncertain);
    expect(cycles.reservations.get("rsv_2")?.status).toBe("ACTIVE");
  });
  it("after charged() a throw commits what was charged and rethrows, even with compat python", async () => {
    const { cycles, authority } = createHarness();
    const paid = withReservation(authority, makeTerms({ compat: "python" }), async (payment) => {
      await payment.charged({ reference: "ch_1", amount: 7n });
      throw new RangeError("bad JSON");
    });
    await expect(paid).rejects.toThrow(RangeError);
    expect(cycles.reservations.get("rsv_1")).toMatchObject({
      status: "COMMITTED",
      committed: 7,
      committedMetadata: { psp_ref: "ch_1" },
    });
  });
  it("abort() after charged() is refused", async () => {
    const { cycles, authority } = createHarness();
    const paid = withReservation(authority, makeTerms(), async (payment) => {
      await payment.charged();
      payment.abort("changed my mind");
    });
    await expect(paid).rejects.toThrow(/money has moved/);
    expect(cycles.reservations.get("rsv_1")?.status).toBe("COMMITTED");
  });
  it("a classifier that throws counts as unknown", async () => {
    const { authority } = createHarness();
    const classify = () => expect.fail("broken");
    await expect(withReservation(authority, makeTerms(), boom, { classify })).rejects.toThrow(AP2GuardCommitUncertain);
  });
});

describe("test_dry_run.py", () => {
  it("allow_decision_raises_dry_run_result_and_body_does_not_run, dry_run_result_carries_caps_and_scopes", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = () => ({
      answer: () => ({ decision: "ALLOW_WITH_CAPS", caps: { max_tokens: 5 }, affected_scopes: ["tenant:acme"] }),
    });
    const error = await failure(withReservation(authority, makeTerms({ dryRun: true }), () => expect.fail("ran")));
    expect(error).toBeInstanceOf(AP2DryRunResult);
    expect(error).toMatchObject({
      decision: "ALLOW_WITH_CAPS",
      caps: { max_tokens: 5 },
      affectedScopes: ["tenant:acme"],
    });
  });
  it("dry_run_deny_raises_guard_denied_not_dry_run_result", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = () => ({ answer: () => ({ decision: "DENY", reason_code: "QUOTA", affected_scopes: [] }) });
    await expect(withReservation(authority, makeTerms({ dryRun: true }), () => {})).rejects.toMatchObject({
      name: "AP2GuardDenied",
      reasonCode: "QUOTA",
    });
  });
  it("a dry run never touches the live key: the payment after it goes through", async () => {
    const { cycles, authority } = createHarness();
    await expect(withReservation(authority, makeTerms({ dryRun: true }), () => {})).rejects.toThrow(AP2DryRunResult);
    await expect(withReservation(authority, makeTerms(), () => {})).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
    const [probe, live] = cycles.requests("reserve");
    expect(probe?.body["idempotency_key"]).toMatch(/:probe:/);
    expect(live?.text).not.toContain("dry_run");
  });
});

describe("test_idempotency.py: what the commit's answer means", () => {
  it.each([
    [
      "commit_5xx_raises_uncertain_no_release",
      { status: 503, body: { error: "INTERNAL_ERROR", message: "m", request_id: "r" } },
      "INTERNAL_ERROR",
    ],
    ["commit_5xx_without_body_uses_synthetic_code", { status: 502 }, "SERVER_ERROR"],
    ["commit_transport_error_raises_uncertain_no_release", "lose-answer", "TRANSPORT_ERROR"],
    ["commit_idempotency_mismatch", refusal(409, "IDEMPOTENCY_MISMATCH"), "IDEMPOTENCY_MISMATCH"],
    ["reservation_finalized", refusal(409, "RESERVATION_FINALIZED"), "RESERVATION_FINALIZED"],
  ] as const)("%s", async (_, fault, errorCode) => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) => (operation === "commit" ? fault : undefined);
    const error = await failure(withReservation(authority, makeTerms(), () => "value"));
    expect(error).toBeInstanceOf(AP2GuardCommitUncertain);
    expect(error).toMatchObject({ errorCode, reservationId: "rsv_1", value: "value" });
    expect(JSON.stringify(error)).not.toContain("value");
    expect(cycles.requests("release")).toHaveLength(0);
  });

  it.each([
    [401, "UNAUTHORIZED"],
    [403, "FORBIDDEN"],
    [404, "NOT_FOUND"],
    [409, "TENANT_CLOSED"],
    [429, "LIMIT_EXCEEDED"],
    [400, "INVALID_REQUEST"],
  ])(
    "unrecognized_commit_error: %s %s after money moved releases nothing and keeps the raw code",
    async (status, code) => {
      const { cycles, authority } = createHarness();
      cycles.fault = (operation) => (operation === "commit" ? refusal(status, code) : undefined);
      const error = await failure(withReservation(authority, makeTerms(), () => {}));
      expect(error).toBeInstanceOf(AP2GuardCommitFailed);
      expect(error).toMatchObject({ errorCode: code, released: false, releaseError: undefined, requestId: "req_1" });
      expect(cycles.requests("release")).toHaveLength(0);
    },
  );

  it("RESERVATION_EXPIRED: the late spend is recorded as an event under the same key", async () => {
    const { cycles, authority } = createHarness();
    const result = await withReservation(authority, makeTerms({ ttlMs: 1000 }), () => void (cycles.skewMs = 60_000));
    expect(result.settlement.status).toBe("recorded");
    expect(cycles.requests("event")[0]?.body).toMatchObject({
      idempotency_key: keyOf("commit"),
      actual: { amount: 19_900_000_000 },
      overage_policy: "REJECT",
    });
    expect(cycles.spent).toBe(19_900_000_000);
  });

  it("an unclear commit is sent again with the same bytes until it is taken, and the record follows", async () => {
    const { cycles, authority, records } = createHarness();
    cycles.fault = (operation, count) => (operation === "commit" && count === 1 ? "lose-answer" : undefined);
    await expect(withReservation(authority, makeTerms(), () => {})).rejects.toThrow(AP2GuardCommitUncertain);
    await expect.poll(() => cycles.requests("commit").length, { timeout: 10_000 }).toBe(2);
    expect(cycles.requests("commit")[1]?.text).toBe(cycles.requests("commit")[0]?.text);
    expect(cycles.spent).toBe(19_900_000_000);
    await expect
      .poll(async () => JSON.stringify((await records.read((await firstKey(records)) ?? ""))?.value))
      .toContain('"settled"');
  });
});

async function firstKey(records: ReturnType<typeof createHarness>["records"]): Promise<string | undefined> {
  for await (const { key } of records.scan("ap2-payment:")) return key;
  return undefined;
}

describe("the reserve", () => {
  it("no answer is ReserveUncertain, a kind of Denied with the key; the same call resumes it", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) => (operation === "reserve" ? "lose-answer" : undefined);
    const error = await failure(withReservation(authority, makeTerms(), () => expect.fail("ran")));
    expect(error).toBeInstanceOf(AP2ReserveUncertain);
    expect(error).toBeInstanceOf(AP2GuardDenied);
    expect(error).toMatchObject({ idempotencyKey: keyOf("reserve") });
    expect(cycles.requests("reserve")).toHaveLength(2);
    cycles.fault = () => undefined;
    await expect(withReservation(authority, makeTerms(), () => 1)).resolves.toMatchObject({
      settlement: { status: "committed", reservationId: "rsv_1" },
    });
    expect(new Set(cycles.requests("reserve").map(({ text }) => text)).size).toBe(1);
  });

  it("another request must not slip in under an unclear one", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) => (operation === "reserve" ? "lose-answer" : undefined);
    await expect(withReservation(authority, makeTerms(), () => {})).rejects.toThrow(AP2ReserveUncertain);
    cycles.fault = () => undefined;
    await expect(withReservation(authority, makeTerms({ runId: "another" }), () => {})).rejects.toThrow(
      AP2AlreadyConsumed,
    );
  });

  it.each([
    ["an empty run id", { runId: "" }],
    ["a tenant with a slash", { tenant: "a/b" }],
    [
      "eleven extra dimensions",
      { extraDimensions: Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`d${at}`, "v"])) },
    ],
    ["a ttl below a second", { ttlMs: 999 }],
    ["a leg without a number", { leg: { number: 0, amountValue: "1" } }],
    ["a negative headroom", { headroomBasisPoints: -1 }],
  ])("%s is refused before anything is claimed or sent", async (_, change) => {
    const { cycles, authority, records } = createHarness();
    await expect(withReservation(authority, makeTerms(change), () => {})).rejects.toThrow(ValidationError);
    expect(cycles.seen).toHaveLength(0);
    expect(await firstKey(records)).toBeUndefined();
  });

  it("caps that the body does not honour release and deny; honoured ones reach it; compat python ignores them", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) =>
      operation === "reserve"
        ? { answer: (real) => ({ ...real, decision: "ALLOW_WITH_CAPS", caps: { max_amount: 5 } }) }
        : undefined;
    await expect(withReservation(authority, makeTerms(), () => expect.fail("ran"))).rejects.toMatchObject({
      reasonCode: "CAPS_NOT_HONOURED",
    });
    const { value } = await withReservation(authority, makeTerms(), ({ caps, decision }) => ({ caps, decision }), {
      honours: ["max_amount"],
    });
    expect(value).toEqual({ caps: [{ name: "max_amount", value: 5 }], decision: "ALLOW_WITH_CAPS" });
    const other = makeTerms({ compat: "python", mandate: makeMandate({ transactionId: "other" }) });
    await expect(withReservation(authority, other, () => {})).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
  });

  it("headroom lets the actual exceed the mandate's amount", async () => {
    const { cycles, authority } = createHarness();
    const terms = makeTerms({ headroomBasisPoints: 1_000 });
    await withReservation(authority, terms, (payment) => payment.charged({ amount: 21_000_000_000n }));
    expect(cycles.reservations.get("rsv_1")).toMatchObject({ reserved: 21_890_000_000, committed: 21_000_000_000 });
  });

  it("beyond the reserve, ALLOW_WITH_OVERDRAFT is sent as asked; with REJECT nothing is released", async () => {
    const { cycles, authority } = createHarness();
    const more = { amount: 30_000_000_000n };
    await withReservation(authority, makeTerms({ overagePolicy: "ALLOW_WITH_OVERDRAFT" }), (payment) =>
      payment.charged(more),
    );
    expect(cycles.spent).toBe(30_000_000_000);
    const strict = makeTerms({ mandate: makeMandate({ transactionId: "strict" }) });
    await expect(withReservation(authority, strict, (payment) => payment.charged(more))).rejects.toMatchObject({
      errorCode: "BUDGET_EXCEEDED",
      released: false,
    });
    expect(cycles.requests("release")).toHaveLength(0);
  });

  it("a slow body keeps its lease alive", async () => {
    const clock = createManualClock();
    const { cycles, authority } = createHarness({ clock });
    await withReservation(authority, makeTerms({ ttlMs: 1_500 }), () => clock.advance(2_000));
    expect(cycles.requests("extend").length).toBeGreaterThan(0);
    expect(cycles.reservations.get("rsv_1")?.status).toBe("COMMITTED");
  });
});

describe("signals", () => {
  it("an abort before the grant cancels: the body never runs, the reservation is given back, the mandate is free", async () => {
    const { cycles, authority } = createHarness();
    const abort = new AbortController();
    cycles.fault = (operation) => (operation === "reserve" ? (abort.abort(), undefined) : undefined);
    await expect(
      withReservation(authority, makeTerms(), () => expect.fail("ran"), { signal: abort.signal }),
    ).rejects.toThrow(AbortedError);
    await expect.poll(() => cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
    cycles.fault = () => undefined;
    await expect(withReservation(authority, makeTerms(), () => 1)).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
  });
  it("an abort reaches the body through payment.signal; what it then throws is uncertain", async () => {
    const { authority } = createHarness();
    const abort = new AbortController();
    const paid = withReservation(
      authority,
      makeTerms(),
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
      { signal: abort.signal },
    );
    setTimeout(() => abort.abort(new Error("user left")), 20);
    await expect(paid).rejects.toMatchObject({ name: "AP2GuardCommitUncertain", cause: { message: "user left" } });
  });
  it("async CommitCancelled: a commit in flight is never cancelled", async () => {
    const { cycles, authority } = createHarness();
    const abort = new AbortController();
    cycles.fault = (operation) => (operation === "commit" ? (abort.abort(), undefined) : undefined);
    await expect(withReservation(authority, makeTerms(), () => {}, { signal: abort.signal })).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
    expect(cycles.spent).toBe(19_900_000_000);
  });
});

describe("await using", () => {
  it("releases what surely was not charged, commits what was, and throws for what nobody knows", async () => {
    const { cycles, authority } = createHarness();
    const open = (transactionId: string) =>
      openPayment(authority, makeTerms({ mandate: makeMandate({ transactionId }) }), { tracksCharge: true });
    await (await open("none"))[Symbol.asyncDispose]();
    const charged = await open("charged");
    await charged.charged({ reference: "ch" });
    await charged[Symbol.asyncDispose]();
    const unknown = await open("unknown");
    await unknown.charging();
    await expect(unknown[Symbol.asyncDispose]()).rejects.toThrow(AP2GuardCommitUncertain);
    const done = await open("done");
    await expect(done.finish()).resolves.toMatchObject({ status: "committed", receipt: { committed: true } });
    await done[Symbol.asyncDispose]();
    expect([...cycles.reservations.values()].map(({ status }) => status)).toEqual([
      "RELEASED",
      "COMMITTED",
      "ACTIVE",
      "COMMITTED",
    ]);
  });
});

it("events name keys and reservations, never a transaction, a payee or a person", async () => {
  const { authority } = createHarness();
  const { observer } = settlementQueue(paymentAuthority(authority));
  const told: unknown[] = [];
  for (const name of ["decision", "settlement", "dead-letter"] as const) observer.on(name, (event) => told.push(event));
  await withReservation(authority, makeTerms(), () => {});
  const second = makeTerms({ mandate: makeMandate({ transactionId: "ap2-tx-002" }) });
  await expect(withReservation(authority, second, boom)).rejects.toThrow();
  expect(told.length).toBeGreaterThan(2);
  expect(inspect(told, { depth: 9 })).not.toMatch(/ap2-tx-00|merchant\.example|ch_demo/);
});

describe("a store that fails", () => {
  it("before the body: fails closed", async () => {
    const { cycles, authority, records } = createHarness();
    records.create = () => Promise.reject(new Error("disk full"));
    await expect(withReservation(authority, makeTerms(), () => expect.fail("ran"))).rejects.toThrow("disk full");
    expect(cycles.seen).toHaveLength(0);
  });
  it("after the charge: commits all the same and reports it to the observer", async () => {
    const { cycles, authority, records } = createHarness();
    const told: SpendEvents["record-failure"][] = [];
    settlementQueue(paymentAuthority(authority)).observer.on("record-failure", (event) => told.push(event));
    const { settlement } = await withReservation(authority, makeTerms(), () => {
      records.replace = () => Promise.reject(new Error("disk full"));
    });
    await paymentAuthority(authority).idle();
    expect(settlement.status).toBe("committed");
    expect(cycles.spent).toBe(19_900_000_000);
    expect(told.map(({ error }) => error.message)).toContain("disk full");
  });
});

it("issue, speed: two requests to the authority and two writes to the store before anyone waits longer", async () => {
  const { cycles, authority, records } = createHarness();
  let waited = 0;
  const create = records.create.bind(records);
  const replace = records.replace.bind(records);
  records.create = (key, value) => ((waited += 1), create(key, value));
  let commitWasSent = false;
  records.replace = async (key, value, version) => {
    // The write that goes with the commit is not waited for before it.
    await new Promise((resolve) => setTimeout(resolve, 30));
    commitWasSent ||= cycles.requests("commit").length > 0;
    return replace(key, value, version);
  };
  await withReservation(authority, makeTerms(), () => {});
  expect(cycles.seen.map(({ operation }) => operation)).toEqual(["reserve", "commit"]);
  expect(waited).toBe(2);
  expect(commitWasSent).toBe(true);
});
