import { type Payment, type PaymentOptions, openPayment, withReservation } from "@imprest/ap2";
import { describe, expect, it } from "vitest";
import { type BodyEnd, type PaymentFacts, endOf } from "../src/payment-end.ts";
import { createHarness, makeMandate, makeTerms } from "./support/harness.ts";

const ends: readonly BodyEnd[] = ["returned", "left", "declined", "charged", "unknown"];
const either = [false, true];
const allFacts: readonly PaymentFacts[] = either.flatMap((isClear) =>
  either.flatMap((hasCharged) =>
    either.flatMap((isPending) =>
      either.flatMap((isAborted) =>
        either.map((mayHaveReached) => ({ isClear, hasCharged, isPending, isAborted, mayHaveReached })),
      ),
    ),
  ),
);
const all = allFacts.flatMap((facts) => ends.map((how) => ({ facts, how, end: endOf(facts, how) })));
const gives = (end: string): boolean => end === "release" || end === "declined";

describe("how a payment ends, over every combination of what is known", () => {
  it("gives nothing back once a charge was stated, readable or not", () => {
    const stated = all.filter(({ facts, how }) => facts.hasCharged || !facts.isClear || how === "charged");
    expect(stated.filter(({ end }) => gives(end))).toEqual([]);
  });

  it("books only amounts that can be read", () => {
    expect(all.filter(({ facts }) => !facts.isClear).filter(({ end }) => end !== "hold")).toEqual([]);
  });

  it("gives an aborted payment back whenever nothing was stated", () => {
    const aborted = all.filter(
      ({ facts, how }) => facts.isAborted && facts.isClear && !facts.hasCharged && how !== "charged",
    );
    expect(new Set(aborted.map(({ end }) => end))).toEqual(new Set(["release"]));
  });

  it("holds what may have reached the payment service, unless it was declined, stated, aborted or returned", () => {
    const doubtful = all.filter(
      ({ facts, how }) =>
        facts.mayHaveReached && !facts.isAborted && !facts.hasCharged && (how === "left" || how === "unknown"),
    );
    expect(new Set(doubtful.map(({ end }) => end))).toEqual(new Set(["hold"]));
  });

  it("holds a stated charge while a further one is prepared and the body did not say what became of it", () => {
    const further = all.filter(({ facts }) => facts.isClear && facts.hasCharged && facts.isPending);
    const ended = Object.fromEntries(further.map(({ how, end }) => [how, end]));
    expect(ended).toEqual({ returned: "commit", left: "hold", declined: "commit", charged: "commit", unknown: "hold" });
  });

  it("counts a decline only of a request that may have reached the payment service", () => {
    const declined = all.filter(({ end }) => end === "declined");
    expect(declined.every(({ facts, how }) => facts.mayHaveReached && how === "declined")).toBe(true);
    expect(declined).not.toEqual([]);
  });
});

const hundred = makeTerms({ mandate: makeMandate({ amountValue: "100.00" }) });
const tracks: PaymentOptions = { tracksCharge: true };

async function pay(body: (payment: Payment) => unknown, options: PaymentOptions = tracks) {
  const harness = createHarness();
  const ended: unknown = await withReservation(harness.authority, hundred, body, options).catch(
    (error: unknown) => error,
  );
  return { ended, status: harness.cycles.reservations.get("rsv_1")?.status, spent: BigInt(harness.cycles.spent) };
}

describe("the end of a payment at the authority", () => {
  it("is a hold after the key was handed out and the body threw, and the same when its scope was left", async () => {
    const thrown = await pay((payment) => {
      void payment.pspIdempotencyKey;
      throw new Error("socket hang up");
    });
    const harness = createHarness();
    const left: unknown = await (async () => {
      await using payment = await openPayment(harness.authority, hundred, tracks);
      void payment.pspIdempotencyKey;
    })().catch((error: unknown) => error);
    for (const error of [thrown.ended, left])
      expect(error).toMatchObject({ name: "AP2GuardCommitUncertain", errorCode: "PSP_OUTCOME_UNKNOWN" });
    expect([thrown.status, harness.cycles.reservations.get("rsv_1")?.status]).toEqual(["ACTIVE", "ACTIVE"]);
  });

  it("is a commit when the classifier says that it charged, though neither the key nor charging() was used", async () => {
    const error = new Error("made, then lost");
    const { ended, status, spent } = await pay(
      () => {
        throw error;
      },
      { ...tracks, classify: () => "charged" },
    );
    expect([ended, status, spent]).toEqual([error, "COMMITTED", 10_000_000_000n]);
  });

  it("refuses abort() and attachReceiptFields() once the payment has ended", async () => {
    let kept: Payment | undefined;
    await pay((payment) => void (kept = payment));
    expect(() => kept?.abort("too late")).toThrow(/has ended/);
    expect(() => kept?.attachReceiptFields({ note: "n" })).toThrow(/has ended/);
  });

  it("refuses abort() after a charge whose amount cannot be read, and holds", async () => {
    let refusal: unknown;
    const { ended, status } = await pay(async (payment) => {
      await payment.charged({ amount: -1n }).catch(() => {});
      try {
        payment.abort("never mind");
      } catch (error) {
        refusal = error;
      }
    });
    expect(refusal).toMatchObject({ name: "AP2GuardError" });
    expect(ended).toMatchObject({ errorCode: "PSP_OUTCOME_UNKNOWN" });
    expect(status).toBe("ACTIVE");
  });
});
