import { AP2PaymentDeclined, type Payment, recover, withReservation } from "@imprest/ap2";
import { createManualClock } from "@imprest/testing";
import { expect, it } from "vitest";
import { createHarness, makeTerms } from "./support/harness.ts";

// Each begins with a charge whose answer was lost and a look-up that wrongly found nothing: it must stay the only charge.
const soon = { abandonedAfterMs: 0, absentAfterMs: 0 };
it("a decline thrown before charging() is not the PSP's, and changes no PSP key", async () => {
  const h = createHarness();
  const charged = new Map<string, bigint>();
  const charge = (p: Payment) => void charged.set(p.pspIdempotencyKey, p.microcents);
  await withReservation(
    h.authority,
    makeTerms(),
    async (p) => {
      await p.charging();
      charge(p);
      throw new Error("lost");
    },
    { tracksCharge: true },
  ).catch(() => {});
  await recover(h.authority, { ...soon, lookupCharge: () => ({ status: "none" }) });
  await withReservation(
    h.authority,
    makeTerms(),
    () => {
      throw new AP2PaymentDeclined("own risk check, PSP not reached");
    },
    { tracksCharge: true },
  ).catch(() => {});
  await withReservation(
    h.authority,
    makeTerms(),
    async (p) => {
      await p.charging();
      charge(p);
    },
    { tracksCharge: true },
  );
  expect(charged.size).toBe(1);
});
it("after a look-up that wrongly found nothing, a leg cannot charge what the whole has charged", async () => {
  const h = createHarness();
  const charged = new Map<string, bigint>();
  const charge = (p: Payment) => void charged.set(p.pspIdempotencyKey, p.microcents);
  await withReservation(h.authority, makeTerms(), (p) => {
    charge(p);
    throw new Error("lost");
  }).catch(() => {});
  await recover(h.authority, { ...soon, lookupCharge: () => ({ status: "none" }) });
  await withReservation(h.authority, makeTerms({ leg: { number: 1, amountValue: "199.00" } }), (p) => charge(p)).catch(
    () => {},
  );
  expect(charged.size).toBe(1);
});
it("a look-up of a later attempt under the same key goes back to when that key was first used", async () => {
  const clock = createManualClock();
  const h = createHarness({ clock });
  const t0 = clock.now();
  const seen: { key: string; at: number }[] = [];
  const look = (q: { pspIdempotencyKey: string; startedAtMs: number }) => {
    seen.push({ key: q.pspIdempotencyKey, at: q.startedAtMs - t0 });
    return { status: "none" as const };
  };
  const lose = () =>
    withReservation(h.authority, makeTerms(), () => {
      throw new Error("lost");
    }).catch(() => {});
  await lose();
  await recover(h.authority, { ...soon, lookupCharge: look });
  await clock.advance(2 * 3_600_000);
  await lose();
  await recover(h.authority, { ...soon, lookupCharge: look });
  expect(seen[1]?.key).toBe(seen[0]?.key);
  expect(seen[1]?.at).toBe(seen[0]?.at);
});
