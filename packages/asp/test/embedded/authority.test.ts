import { amount } from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import { hasErrors } from "@imprest/core/audit";
import { describe, expect, it } from "vitest";
import {
  AspAuthority,
  AspError,
  ExpiredBeyondGraceError,
  OverageRejectedError,
  ReplayConflictError,
  ReservationReleasedError,
  ReservationSettledError,
  draftRuntimeMetadataKeys,
  guard,
} from "../../src/index.ts";
import { budgetId, claim, createManualClock, feedOf, issuer, openHouse, trustIn, unit, verifyAll } from "./support.ts";

async function refusalOf(promise: Promise<unknown>): Promise<AspError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (AspError.isInstance(error)) return error;
  throw new Error(`not refused: ${String(error)}`);
}

describe("the embedded authority speaks ASP", () => {
  it("reserve, commit with a refund, and the budget shows both", async () => {
    const house = await openHouse();
    const client = house.client();
    const reserved = await client.reserve({ claim: claim(1_000n), idempotencyKey: "k" });
    expect(reserved).toMatchObject({ decision: "ALLOW" });
    expect(reserved.auditEventSignature).toHaveLength(64);
    const held = await client.queryBudget({ budgetId, unit });
    expect(held).toMatchObject({ allocatedAtomic: 10_000n, availableAtomic: 9_000n, reservedHoldAtomic: 1_000n });
    const reservationId = reserved.reservationId ?? "";
    const committed = await client.commit({ reservationId, amountAtomicObserved: 87n });
    expect(committed).toMatchObject({ refundAmountAtomic: 913n });
    const spent = await client.queryBudget({ budgetId, unit });
    expect(spent).toMatchObject({ availableAtomic: 9_913n, reservedHoldAtomic: 0n, committedSpendAtomic: 87n });
    const reports = await verifyAll(await feedOf(house), await trustIn(house));
    expect(reports.map(({ disposition, event, findings }) => [disposition, event?.suffix, findings])).toEqual([
      ["authentic", "reserve", []],
      ["authentic", "commit", []],
    ]);
  });

  it("denies beyond the budget, with a reason and a signed event", async () => {
    const house = await openHouse();
    const denied = await house.client().reserve({ claim: claim(10_001n) });
    expect(denied).toMatchObject({ decision: "DENY", reasonCodes: ["budget_exceeded"] });
    expect(house.promised).toHaveLength(1);
    expect(await house.client().queryBudget({ budgetId, unit })).toMatchObject({ reservedHoldAtomic: 0n });
  });

  it("refuses a CREDIT, an unspecified direction, an unknown budget and a stranger", async () => {
    const house = await openHouse();
    for (const direction of ["CREDIT", "DIRECTION_UNSPECIFIED", undefined]) {
      const body = { claim: { ...claim(1n), amountAtomic: "1", direction }, idempotencyKey: "k" };
      const response = await house.embedded.handler(
        new Request(`${issuer}/asp.v1.AgentSpendProtocol/Reserve`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${house.apiKey}` },
          body: JSON.stringify(body),
        }),
      );
      expect(response.status).toBe(400);
      expect(response.headers.get("asp-error-code")).toBe("DIRECTION_NOT_SUPPORTED");
    }
    const other = { ...claim(1n), budgetId: "tenant:acme/agent:nobody" };
    expect(await refusalOf(house.client().reserve({ claim: other }))).toMatchObject({ errorCode: "BUDGET_NOT_FOUND" });
    const foreign = { ...claim(1n), budgetId: "tenant:globex" };
    expect(await refusalOf(house.client().reserve({ claim: foreign }))).toMatchObject({ status: 403 });
    const stranger = house.client({ apiKey: "not-a-known-key-at-all" });
    expect(await refusalOf(stranger.reserve({ claim: claim(1n) }))).toMatchObject({ status: 401 });
    expect(
      await refusalOf(
        house.client({ experimental: { refund: true } }).refund({ reservationId: "r", amountAtomic: 1n }),
      ),
    ).toMatchObject({
      connectCode: "unimplemented",
    });
  });

  it("the idempotency contract of ASP §3.3, line by line", async () => {
    const house = await openHouse();
    const client = house.client();
    const first = await client.reserve({ claim: claim(100n), idempotencyKey: "r" });
    expect(await client.reserve({ claim: claim(100n), idempotencyKey: "r" })).toEqual(first);
    const conflict = await refusalOf(client.reserve({ claim: claim(99n), idempotencyKey: "r" }));
    expect(ReplayConflictError.isInstance(conflict)).toBe(true);

    const reservationId = first.reservationId ?? "";
    const commit = { reservationId, amountAtomicObserved: 40n, providerResponseFacts: { id: "x" } };
    const committed = await client.commit({ ...commit, idempotencyKey: "c" });
    expect(await client.commit({ ...commit, idempotencyKey: "c" })).toEqual(committed);
    const body = await refusalOf(client.commit({ ...commit, amountAtomicObserved: 41n, idempotencyKey: "c" }));
    const facts = await refusalOf(client.commit({ ...commit, providerResponseFacts: {}, idempotencyKey: "c" }));
    const settled = await refusalOf(client.commit({ ...commit, idempotencyKey: "d" }));
    expect([ReplayConflictError.isInstance(body), ReplayConflictError.isInstance(facts)]).toEqual([true, true]);
    expect(ReservationSettledError.isInstance(settled)).toBe(true);
    expect(await client.release({ reservationId, idempotencyKey: "x" })).toEqual({});

    const second = await client.reserve({ claim: claim(100n) });
    const release = { reservationId: second.reservationId ?? "", idempotencyKey: "x" };
    const released = await client.release(release);
    expect(await client.release(release)).toEqual(released);
    expect(await client.release({ ...release, idempotencyKey: "y" })).toEqual({});
    const late = await refusalOf(client.commit({ ...commit, reservationId: release.reservationId }));
    expect(ReservationReleasedError.isInstance(late)).toBe(true);
    const sameKey = await refusalOf(client.commit({ ...commit, ...release }));
    expect(ReservationReleasedError.isInstance(sameKey)).toBe(true);

    const reports = await verifyAll(await feedOf(house), await trustIn(house));
    expect(reports.map(({ event }) => `${event?.suffix} ${event?.data.reason_codes?.join() ?? ""}`)).toEqual([
      "reserve ",
      "commit ",
      "replay_rejected body_mismatch",
      "replay_rejected body_mismatch",
      "replay_rejected reservation_already_settled",
      "reserve ",
      "release ",
    ]);
    expect(reports.some(hasErrors)).toBe(false);
    // ASP §3.1: the event records both amounts.
    expect(reports[1]?.event?.data).toMatchObject({ amount_atomic_reserved: "100", amount_atomic_observed: 40n });
  });

  it("an event keeps the metadata that the draft names, and nothing private (ASP §5)", async () => {
    const house = await openHouse();
    const named = Object.fromEntries(draftRuntimeMetadataKeys.map((name) => [name, `the ${name}`]));
    await house.client().reserve({ claim: claim(1n), runtimeMetadata: { ...named, prompt: "private", stream: true } });
    const [report] = await verifyAll(await feedOf(house), await trustIn(house));
    const metadata = report?.event?.data.runtime_metadata ?? {};
    expect(metadata).toMatchObject({ ...named, stream: true });
    expect(metadata).not.toHaveProperty("prompt");
  });

  it("a commit beyond its reserve is refused and quarantined, or charged where the budget opts in (ASP §3.1)", async () => {
    const strict = await openHouse();
    const quarantined = await strict.client().reserve({ claim: claim(100n) });
    const commit = { reservationId: quarantined.reservationId ?? "", amountAtomicObserved: 150n, idempotencyKey: "c" };
    for (const _ of [1, 2]) {
      const refused = await refusalOf(strict.client().commit(commit));
      expect(OverageRejectedError.isInstance(refused) && refused.spendHappened).toBe(true);
    }
    expect(
      await refusalOf(strict.client().commit({ ...commit, idempotencyKey: "d", amountAtomicObserved: 1n })),
    ).toMatchObject({
      errorCode: "RESERVATION_QUARANTINED",
    });
    expect(strict.embedded.audit.reservations("acme")).toMatchObject([{ state: "QUARANTINED", observed: 0n }]);
    expect(await strict.client().queryBudget({ budgetId, unit })).toMatchObject({ availableAtomic: 10_000n });
    expect(await feedOf(strict)).toHaveLength(2);

    const generous = await openHouse({
      asp: { overagePolicy: (id) => (id === budgetId ? "CHARGE_OVERAGE" : "REJECT") },
    });
    const charged = await generous.client().reserve({ claim: claim(10_000n) });
    const answer = await generous
      .client()
      .commit({ reservationId: charged.reservationId ?? "", amountAtomicObserved: 10_500n });
    expect(answer).toMatchObject({ chargeAmountAtomic: 500n });
    expect(await generous.client().queryBudget({ budgetId, unit })).toMatchObject({
      overCapAtomic: 500n,
      availableAtomic: 0n,
    });
    const reports = await verifyAll(await feedOf(generous), await trustIn(generous));
    expect(reports.map(({ event, findings }) => [event?.suffix, findings])).toEqual([
      ["reserve", []],
      ["commit", []],
      ["overage_charged", []],
    ]);
  });

  it("another spelling of a budget's id is the same budget, under the same overage policy", async () => {
    const asked = new Set<string>();
    const house = await openHouse({
      asp: { overagePolicy: (id) => (asked.add(id), id === budgetId ? "REJECT" : "CHARGE_OVERAGE") },
    });
    const client = house.client();
    const shouted = { ...claim(9_999n), budgetId: "tenant:acme/agent:BOT" };
    const { reservationId = "" } = await client.reserve({ claim: shouted });
    expect(await client.reserve({ claim: claim(2n) })).toMatchObject({ decision: "DENY" });
    expect(await client.queryBudget({ budgetId: shouted.budgetId, unit })).toMatchObject({ availableAtomic: 1n });
    await expect(client.commit({ reservationId, amountAtomicObserved: 10_000n })).rejects.toMatchObject({
      errorCode: "OVERAGE_REJECTED",
    });
    expect([...asked]).toEqual([budgetId]);
  });

  it("the grace split: an event at the TTL, honoured within the window, a gap beyond it (ASP §3.2)", async () => {
    const clock = createManualClock();
    const house = await openHouse({ clock, asp: { ttlMs: 10_000, graceWindowMs: 5_000 } });
    const client = house.client();
    const [late, tooLate, full] = [
      await client.reserve({ claim: claim(4_000n) }),
      await client.reserve({ claim: claim(6_000n) }),
      undefined,
    ];
    expect(full).toBeUndefined();
    await clock.advance(10_001);
    const suffixes = (await verifyAll(await feedOf(house), await trustIn(house))).map(({ event }) => event?.suffix);
    expect(suffixes).toEqual(["reserve", "reserve", "ttl_expired", "ttl_expired"]);
    expect(house.embedded.audit.reservations("acme").map(({ state }) => state)).toEqual([
      "EXPIRED_IN_GRACE",
      "EXPIRED_IN_GRACE",
    ]);
    // The capacity is back and granted anew, so the late commit goes over the cap.
    expect(await client.reserve({ claim: claim(8_000n) })).toMatchObject({ decision: "ALLOW" });
    await clock.advance(2_000);
    const commit = await client.commit({ reservationId: late.reservationId ?? "", amountAtomicObserved: 4_000n });
    expect(commit.refundAmountAtomic).toBeUndefined();
    expect(await client.queryBudget({ budgetId, unit })).toMatchObject({
      committedSpendAtomic: 4_000n,
      overCapAtomic: 2_000n,
    });
    await clock.advance(3_001);
    const gap = await refusalOf(
      client.commit({ reservationId: tooLate.reservationId ?? "", amountAtomicObserved: 1n }),
    );
    expect(ExpiredBeyondGraceError.isInstance(gap) && gap.spendHappened).toBe(true);
    const reports = await verifyAll(await feedOf(house), await trustIn(house));
    expect(reports.map(({ event }) => event?.suffix).slice(4)).toEqual([
      "reserve",
      "late_commit",
      "reconciliation_gap",
    ]);
    expect(reports[5]?.event?.data).toMatchObject({ over_cap_amount_atomic: 2_000n, grace_window_ms_used: 2_001 });
    expect(reports[6]?.event?.data).toMatchObject({ time_past_grace_ms: 2 });
  });

  it("publishes its metadata and its keys; a retired key stays while its events are kept (ASP §5)", async () => {
    const clock = createManualClock(Date.now());
    const house = await openHouse({ clock, asp: { auditRetentionMs: 86_400_000 } });
    expect(await house.client().getMetadata()).toMatchObject({
      grace_window_ms: 30_000,
      commit_overage_policy: "REJECT",
      lifecycle_profile: "grace-split",
      jwks_url: `${issuer}/.well-known/asp-jwks.json`,
    });
    await house.client().reserve({ claim: claim(1n) });
    await house.embedded.audit.rotateKey({ kid: "k2", privateKey: Uint8Array.from({ length: 32 }, () => 9) });
    await house.client().reserve({ claim: claim(1n) });
    const lines = await feedOf(house);
    const reports = await verifyAll(lines, await trustIn(house));
    expect(reports.map(({ disposition, event }) => [disposition, event?.data.kid])).toEqual([
      ["authentic", "k1"],
      ["authentic", "k2"],
    ]);
    await expect(house.embedded.audit.rotateKey({ kid: "k1", privateKey: new Uint8Array(32) })).rejects.toThrow(
      "kid k1",
    );
    await clock.advance(86_400_001);
    const [first, second] = await verifyAll(lines, await trustIn(house));
    expect([first?.disposition, second?.disposition]).toEqual(["signer_authority_failed", "authentic"]);
  });

  it("what Cycles reserves shows in ASP's budget, and the other way round", async () => {
    const house = await openHouse();
    const cycles = new CyclesClient({ baseUrl: issuer, apiKey: house.apiKey, transport: house.transport });
    const subject = { tenant: "acme", agent: "bot" };
    const action = { kind: "llm.completion", name: "m" };
    await cycles.createReservation({ subject, action, estimate: amount(unit, 3_000), ttl_ms: 60_000 });
    await house.client().reserve({ claim: claim(2_000n) });
    expect(await house.client().queryBudget({ budgetId, unit })).toMatchObject({ reservedHoldAtomic: 5_000n });
    const [balance] = (await cycles.getBalances(subject).first()).balances;
    expect(balance?.reserved?.amount).toBe(5_000n);
    expect(await house.client().reserve({ claim: claim(5_001n) })).toMatchObject({ decision: "DENY" });
  });

  it("a reservation that Cycles settles ends in ASP's feed too", async () => {
    const clock = createManualClock(Date.now());
    const house = await openHouse({ clock, asp: { ttlMs: 10_000 } });
    const cycles = new CyclesClient({ baseUrl: issuer, apiKey: house.apiKey, transport: house.transport });
    const [one, two] = [
      await house.client().reserve({ claim: claim(500n) }),
      await house.client().reserve({ claim: claim(500n) }),
    ];
    await cycles.commitReservation(one.reservationId ?? "", { actual: amount(unit, 40) });
    await cycles.releaseReservation(two.reservationId ?? "");
    const late = await refusalOf(
      house.client().commit({ reservationId: one.reservationId ?? "", amountAtomicObserved: 40n }),
    );
    expect(ReservationSettledError.isInstance(late)).toBe(true);
    await clock.advance(10_001);
    const reports = await verifyAll(await feedOf(house), await trustIn(house));
    expect(reports.map(({ event }) => event?.suffix)).toEqual([
      "reserve",
      "reserve",
      "commit",
      "release",
      "replay_rejected",
    ]);
    expect(reports[2]?.event?.data).toMatchObject({ amount_atomic_observed: 40n, refund_amount_atomic: 460n });
  });

  it("what Cycles commits beyond the reserve is an overage of the feed, dated when it was charged", async () => {
    const clock = createManualClock(Date.now());
    const house = await openHouse({ clock, asp: { ttlMs: 10_000, overagePolicy: "CHARGE_OVERAGE" } });
    const cycles = new CyclesClient({ baseUrl: issuer, apiKey: house.apiKey, transport: house.transport });
    const { reservationId = "" } = await house.client().reserve({ claim: claim(500n) });
    await clock.advance(4_000);
    const settledAt = new Date(clock.now()).toISOString();
    await cycles.commitReservation(reservationId, { actual: amount(unit, 700) });
    await clock.advance(60_000);
    const events = (await verifyAll(await feedOf(house), await trustIn(house))).map(({ event }) => event);
    expect(events.map((event) => [event?.suffix, event?.time])).toEqual([
      ["reserve", expect.any(String)],
      ["commit", settledAt],
      ["overage_charged", settledAt],
    ]);
    expect(events[2]?.data).toMatchObject({ overage_amount_atomic: 200n });
  });

  it("what ASP reserved cannot be extended over Cycles, because its signed event says when it ends", async () => {
    const clock = createManualClock(Date.now());
    const house = await openHouse({ clock, asp: { ttlMs: 10_000 } });
    const cycles = new CyclesClient({ baseUrl: issuer, apiKey: house.apiKey, transport: house.transport });
    const { reservationId = "" } = await house.client().reserve({ claim: claim(500n) });
    await expect(cycles.extendReservation(reservationId, { extend_by_ms: 60_000 })).rejects.toMatchObject({
      errorCode: "MAX_EXTENSIONS_EXCEEDED",
    });
    await clock.advance(10_001);
    expect(await house.client().queryBudget({ budgetId, unit })).toMatchObject({ reservedHoldAtomic: 0n });
  });

  it("a tenant that is closed gives back what it held, and the feed reports the release, once", async () => {
    const clock = createManualClock(Date.now());
    const house = await openHouse({ clock, asp: { ttlMs: 10_000 } });
    await house.client().reserve({ claim: claim(500n) });
    await house.embedded.tenants.close("acme");
    await clock.advance(10_001);
    const lines: string[] = [];
    for await (const line of house.embedded.audit.events()) lines.push(line);
    expect(lines.map((line) => (JSON.parse(line) as { readonly type: string }).type.split(".").at(-1))).toEqual([
      "reserve",
      "release",
    ]);
  });

  it("a guarded call over ASP reserves, runs, commits; one that says that nothing was spent releases", async () => {
    const house = await openHouse();
    const authority = new AspAuthority(house.client(), { budget: { budgetId } });
    const request = { estimate: amount(unit, 1_000), action: { kind: "llm.completion" } };
    const call = guard(authority, request, (reservation, tokens: number) => {
      if (tokens < 0) {
        reservation.unspent();
        throw new Error("provider down");
      }
      reservation.spend(amount(unit, tokens));
      return tokens;
    });
    expect(await call(40)).toBe(40);
    await expect(call(-1)).rejects.toThrow("provider down");
    await expect
      .poll(() => house.embedded.audit.reservations("acme").map(({ state }) => state))
      .toEqual(["COMMITTED", "RELEASED"]);
  });
});
