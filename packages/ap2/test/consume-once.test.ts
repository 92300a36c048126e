import * as core from "@imprest/core";
import { memoryRecordStore, usd } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { CyclesAuthority } from "@imprest/cycles";
import {
  AP2AlreadyConsumed,
  AP2GuardDenied,
  AP2PaymentDeclined,
  mandateFromAP2,
  paymentAuthority,
  withReservation,
} from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { conformance, isMissing } from "./support/conformance.ts";
import { clientOf, collect, createHarness, makeMandate, makeTerms } from "./support/harness.ts";

const dayMs = 86_400_000;

/** An answer of a server that does not answer what remains of the lease. */
function withoutRemaining({ remaining_ttl_ms: _remaining, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest;
}

describe("one worker, one payment", () => {
  it("test_two_guards_same_transaction of the Python guard: an identical retry after success never runs the body", async () => {
    const { cycles, authority } = createHarness();
    let charges = 0;
    const pay = () => withReservation(authority, makeTerms(), () => (charges += 1));
    await pay();
    await paymentAuthority(authority).idle();
    await expect(pay()).rejects.toMatchObject({
      name: "AP2AlreadyConsumed",
      reasonCode: "ALREADY_CONSUMED",
      phase: "settled",
      reservationId: "rsv_1",
    });
    expect(charges).toBe(1);
    expect(cycles.requests("reserve")).toHaveLength(1);
  });

  it("with a PSP reference too", async () => {
    const { authority } = createHarness();
    let charges = 0;
    const pay = () =>
      withReservation(authority, makeTerms(), (payment) => payment.charged({ reference: `ch_${(charges += 1)}` }));
    await pay();
    await expect(pay()).rejects.toThrow(AP2AlreadyConsumed);
    expect(charges).toBe(1);
  });

  it("of fifty workers with one payload one runs the body", async () => {
    const { authority } = createHarness();
    let charges = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, () => withReservation(authority, makeTerms(), () => (charges += 1))),
    );
    expect(charges).toBe(1);
    expect(
      results.filter((result) => result.status === "rejected" && AP2AlreadyConsumed.isInstance(result.reason)),
    ).toHaveLength(49);
  });

  it("workers without a common store are told apart by the claim in the reserve", async () => {
    const { cycles } = createHarness();
    let charges = 0;
    const pay = () =>
      withReservation(
        new CyclesAuthority(clientOf(cycles), { records: memoryRecordStore() }),
        makeTerms(),
        () => (charges += 1),
      );
    const results = await Promise.allSettled([pay(), pay(), pay()]);
    expect(charges).toBe(1);
    expect(
      results
        .filter((result) => result.status === "rejected")
        .map(({ reason }) => (reason as AP2GuardDenied).reasonCode),
    ).toEqual(["IDEMPOTENCY_MISMATCH", "IDEMPOTENCY_MISMATCH"]);
  });

  it("test_double_spend_same_transaction.py of the Python guard: a diverging payload changes nothing", async () => {
    const { authority } = createHarness();
    await withReservation(authority, makeTerms(), () => {});
    await expect(withReservation(authority, makeTerms({ runId: "another" }), () => {})).rejects.toThrow(
      AP2AlreadyConsumed,
    );
  });

  it("open_mandate_overuse_collapses_distinct_transactions_onto_one_key, …_divergent_payload_reserve_mismatch_raises_denied", async () => {
    const { cycles, authority } = createHarness();
    const terms = (transactionId: string) =>
      makeTerms({ mandate: makeMandate({ transactionId, openMandateHash: "omh_shared" }) });
    await withReservation(authority, terms("A"), () => {});
    await expect(withReservation(authority, terms("B"), () => {})).rejects.toThrow(AP2AlreadyConsumed);
    const other = new CyclesAuthority(clientOf(cycles), { records: memoryRecordStore() });
    await expect(withReservation(other, terms("B"), () => {})).rejects.toMatchObject({
      reasonCode: "IDEMPOTENCY_MISMATCH",
    });
    await expect(withReservation(other, terms("B"), () => {})).rejects.toThrow(AP2GuardDenied);
  });

  it("different_transactions_produce_different_keys: both run", async () => {
    const { cycles, authority } = createHarness();
    for (const transactionId of ["A", "B"])
      await withReservation(authority, makeTerms({ mandate: makeMandate({ transactionId }) }), () => {});
    expect(new Set(cycles.requests("reserve").map(({ body }) => body["idempotency_key"])).size).toBe(2);
  });

  it("the replay of a dead reservation is recognised before the body", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) =>
      operation === "reserve" ? { answer: (real) => ({ ...real, remaining_ttl_ms: 0 }) } : undefined;
    await expect(withReservation(authority, makeTerms(), () => expect.fail("ran"))).rejects.toMatchObject({
      reasonCode: "RESERVATION_ENDED",
    });
  });

  it("a server that does not answer what remains is asked for the reservation's status", async () => {
    const { cycles, authority } = createHarness();
    cycles.fault = (operation) => (operation === "reserve" ? { answer: withoutRemaining } : undefined);
    await expect(withReservation(authority, makeTerms(), () => 1)).resolves.toMatchObject({
      settlement: { status: "committed" },
    });
    expect(cycles.requests("get")).toHaveLength(1);
    cycles.fault = (operation) => {
      if (operation === "reserve")
        return { answer: (real) => ({ ...withoutRemaining(real), reservation_id: "rsv_1" }) };
      return undefined;
    };
    const second = makeTerms({ mandate: makeMandate({ transactionId: "second" }) });
    await expect(withReservation(authority, second, () => expect.fail("ran"))).rejects.toMatchObject({
      reasonCode: "RESERVATION_ENDED",
    });
  });

  it("protection outlives the server's memory of keys through the store", async () => {
    const clock = createManualClock();
    const harness = createHarness({ clock });
    await withReservation(harness.authority, makeTerms(), () => {});
    await paymentAuthority(harness.authority).idle();
    await clock.advance(400 * dayMs);
    const { authority } = createHarness({ records: harness.records, clock });
    await expect(withReservation(authority, makeTerms(), () => expect.fail("ran"))).rejects.toThrow(AP2AlreadyConsumed);
  });

  it("with searchAuthority also without the store, as long as the authority keeps the reservation", async () => {
    const { cycles, authority } = createHarness();
    await withReservation(authority, makeTerms(), () => {});
    const fresh = new CyclesAuthority(clientOf(cycles), { records: memoryRecordStore() });
    const paid = withReservation(fresh, makeTerms(), () => expect.fail("ran"), { searchAuthority: true });
    await expect(paid).rejects.toMatchObject({ name: "AP2AlreadyConsumed", reservationId: "rsv_1" });
    expect(cycles.requests("reserve")).toHaveLength(1);
  });

  it("searchAuthority looks for the occurrence at hand, and forgets its claim when somebody else has it", async () => {
    const { authority, records } = createHarness();
    const limits = { frequency: "ON_DEMAND" };
    const use = (transactionId: string) =>
      withReservation(
        authority,
        makeTerms({ mandate: makeMandate({ transactionId, openMandateHash: "omh", limits }) }),
        () => 1,
        {
          searchAuthority: true,
        },
      );
    await use("A");
    await expect(use("B")).resolves.toMatchObject({ settlement: { status: "committed" } });
    for await (const { key } of records.scan("ap2-payment:")) await records.delete(key);
    await expect(use("C")).rejects.toThrow(AP2AlreadyConsumed);
    expect(await collect(records.scan("ap2-payment:"))).toEqual([]);
  });

  it("a record that cannot be read is no leave to pay", async () => {
    const { authority, records } = createHarness();
    await withReservation(authority, makeTerms(), () => {});
    await paymentAuthority(authority).idle();
    for await (const { key, version } of records.scan("ap2-payment:"))
      await records.replace(key, { version: 2 }, version);
    await expect(withReservation(authority, makeTerms(), () => expect.fail("ran"))).rejects.toThrow(
      /cannot|not one that this version can read/,
    );
  });

  it("the PSP's key is the same for one attempt and another for the next", async () => {
    const { authority } = createHarness();
    const keys: string[] = [];
    const decline = () => Promise.reject(new AP2PaymentDeclined("no"));
    const body = (payment: { readonly pspIdempotencyKey: string }) => (keys.push(payment.pspIdempotencyKey), decline());
    await expect(withReservation(authority, makeTerms(), body)).rejects.toThrow("no");
    await expect(withReservation(authority, makeTerms(), body)).rejects.toThrow("no");
    expect(keys).toEqual([
      "ap2:tx:0094424f06331addbe7b9977acf59843:psp:822b33ad87c148a0",
      "ap2:tx:0094424f06331addbe7b9977acf59843:psp:822b33ad87c148a0:e1",
    ]);
  });
});

describe("open mandates", () => {
  it("hnp without an open mandate is an error before anything is sent", async () => {
    const { cycles, authority } = createHarness();
    await expect(withReservation(authority, makeTerms({ mode: "hnp" }), () => {})).rejects.toThrow(/open mandate/);
    expect(cycles.seen).toHaveLength(0);
  });

  it("linked open mandates share one use, whichever is presented", async () => {
    const { authority } = createHarness();
    const pay = (openMandateHash: string, linkedHashes: string[], transactionId: string) =>
      withReservation(
        authority,
        makeTerms({ mandate: makeMandate({ transactionId, openMandateHash, linkedHashes }) }),
        () => {},
      );
    await pay("payment", ["checkout-presentation"], "A");
    await expect(pay("checkout", ["checkout-presentation"], "B")).rejects.toThrow(AP2AlreadyConsumed);
    await expect(pay("other", [], "C")).resolves.toMatchObject({ settlement: { status: "committed" } });
  });

  it("linked mandates that race run once", async () => {
    const { authority } = createHarness();
    let charges = 0;
    const pay = (openMandateHash: string) =>
      withReservation(
        authority,
        makeTerms({
          mandate: makeMandate({ transactionId: openMandateHash, openMandateHash, linkedHashes: ["link"] }),
        }),
        () => (charges += 1),
      );
    await Promise.allSettled(["payment", "checkout", "payment", "checkout"].map(pay));
    expect(charges).toBe(1);
  });

  it("one open mandate is one mandate through every tenant; transaction ids are each tenant's own", async () => {
    const { cycles, records, authority } = createHarness();
    const { CyclesClient } = await import("@imprest/cycles");
    const { baseUrl, transport } = clientOf(cycles).connection.options;
    const other = new CyclesAuthority(
      new CyclesClient({ baseUrl, apiKey: "other-key-1", subject: { tenant: "other" }, transport }),
      { records },
    );
    const open = makeMandate({ openMandateHash: "omh" });
    await withReservation(authority, makeTerms({ mandate: open }), () => {});
    await expect(withReservation(other, makeTerms({ mandate: open, tenant: "other" }), () => {})).rejects.toThrow(
      AP2AlreadyConsumed,
    );
    cycles.fault = (operation) => (operation === "reserve" ? { answer: (real) => ({ ...real }) } : undefined);
    await withReservation(authority, makeTerms({ mandate: makeMandate({ transactionId: "one" }) }), () => {});
    await expect(
      withReservation(other, makeTerms({ mandate: makeMandate({ transactionId: "one" }), tenant: "other" }), () => {}),
    ).rejects.toMatchObject({
      // The fake keeps one key space for all tenants; the ledger let it through, which is what is tested.
      reasonCode: "IDEMPOTENCY_MISMATCH",
    });
  });

  it.skipIf(isMissing)("the real token is used once, by its own identity", async () => {
    const { tokens } = conformance("ap2-signed-tokens.json") as { readonly tokens: { readonly payment_chain: string } };
    const { cycles, authority } = createHarness();
    const mandate = mandateFromAP2(tokens.payment_chain, { mode: "hnp" });
    await expect(withReservation(authority, makeTerms({ mandate, mode: "hnp" }), () => {})).rejects.toThrow(/expired/);
    const long = { enforceExpiry: false } as const;
    await withReservation(authority, makeTerms({ mandate, mode: "hnp", ...long }), () => {});
    await expect(withReservation(authority, makeTerms({ mandate, ...long }), () => {})).rejects.toThrow(
      AP2AlreadyConsumed,
    );
    expect(cycles.spent).toBe(19_900_000_000);
  });

  it("a mandate that expired more than five minutes ago is refused unless the caller says otherwise", async () => {
    const { authority, cycles } = createHarness();
    const pay = (agoMs: number, change: object = {}): Promise<unknown> => {
      const mandate = makeMandate({ transactionId: `${agoMs}`, expiresAtMs: Date.now() - agoMs });
      return withReservation(authority, makeTerms({ mandate, ...change }), () => {});
    };
    await pay(290_000);
    await expect(pay(310_000)).rejects.toThrow(/expired/);
    await pay(310_001, { enforceExpiry: false });
    expect(cycles.requests("commit")).toHaveLength(2);
  });
});

describe("mandates of several uses", () => {
  const recurring = (transactionId: string, limits: object, amountValue = "10.00") =>
    makeTerms({ mandate: makeMandate({ transactionId, amountValue, openMandateHash: "omh", limits }) });

  it("each occurrence has keys of its own, and the last is the last", async () => {
    const { cycles, authority } = createHarness();
    const limits = { frequency: "ON_DEMAND", maxOccurrences: 2 };
    await withReservation(authority, recurring("A", limits), () => {});
    await withReservation(authority, recurring("B", limits), () => {});
    await expect(withReservation(authority, recurring("C", limits), () => {})).rejects.toThrow(/no occurrence left/);
    await expect(withReservation(authority, recurring("A", limits), () => {})).rejects.toThrow(AP2AlreadyConsumed);
    expect(
      cycles.requests("commit").map(({ body }) => String(body["idempotency_key"]).split(":").slice(3).join(":")),
    ).toEqual(["commit", "commit:o1"]);
  });

  it("the budget is counted exactly, uses under way included; the last cent fits and one more does not", async () => {
    const { authority } = createHarness();
    const limits = { frequency: "ON_DEMAND", budget: "20.01" };
    await withReservation(authority, recurring("A", limits), () => {});
    await expect(withReservation(authority, recurring("B", limits, "10.02"), () => {})).rejects.toThrow(/budget/);
    await withReservation(authority, recurring("B", limits, "10.01"), () => {});
    await expect(withReservation(authority, recurring("C", limits, "0.01"), () => {})).rejects.toThrow(/budget/);
  });

  it("a first use beyond the budget is refused too", async () => {
    const { cycles, authority } = createHarness();
    await expect(withReservation(authority, recurring("A", { budget: "9.99" }), () => {})).rejects.toThrow(/budget/);
    expect(cycles.seen).toHaveLength(0);
  });

  it("the frequency is kept, and a declined use does not count", async () => {
    const clock = createManualClock();
    const { authority } = createHarness({ clock });
    const limits = { frequency: "DAILY" };
    await expect(
      withReservation(authority, recurring("A", limits), () => Promise.reject(new AP2PaymentDeclined("no"))),
    ).rejects.toThrow("no");
    await withReservation(authority, recurring("B", limits), () => {});
    await expect(withReservation(authority, recurring("C", limits), () => {})).rejects.toThrow(/too early/);
    await clock.advance(dayMs);
    await withReservation(authority, recurring("C", limits), () => {});
    await expect(withReservation(authority, recurring("D", { frequency: "HOURLY" }), () => {})).rejects.toThrow(
      AP2AlreadyConsumed,
    );
  });

  it("occurrences that race stay within the limit", async () => {
    const { authority } = createHarness();
    const limits = { frequency: "ON_DEMAND", maxOccurrences: 3 };
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, at) => withReservation(authority, recurring(`T${at}`, limits), () => {})),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  });
});

describe("core's own helpers over a payment authority", () => {
  const request = { estimate: usd("0.02"), action: { kind: "payment.charge" } };

  it("do not compile, and without types they fail before anything is sent", async () => {
    const { cycles, authority } = createHarness();
    const payments = paymentAuthority(authority);
    const fail = { failOpen: { reason: "outage" } };
    // @ts-expect-error no plain SpendAuthority
    await expect(core.withReservation(payments, request, () => expect.fail("ran"))).rejects.toThrow();
    // @ts-expect-error no plain SpendAuthority
    await expect(core.openReservation(payments, request)).rejects.toThrow();
    // @ts-expect-error no plain SpendAuthority
    await expect(core.guard(payments, request, () => expect.fail("ran"), fail)()).rejects.toThrow();
    expect(cycles.seen).toHaveLength(0);
  });
});
