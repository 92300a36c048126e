import { memoryRecordStore } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { CyclesAuthority } from "@imprest/cycles";
import { AP2PaymentDeclined, type Payment, mandateFromAP2, recover, withReservation } from "@imprest/ap2";
import { releaseRejected, verifyMandateReceipt } from "@imprest/ap2/verify";
import { describe, expect, it } from "vitest";
import { type Claims, type Consent, giveConsent } from "./support/chains.ts";
import { refusal } from "./support/fake-cycles.ts";
import { type Harness, clientOf, createHarness, makeTerms } from "./support/harness.ts";

const lost = () => Promise.reject(new Error("rejected, or lost"));
/** Half past a second, so that a receipt's whole seconds show. */
const startMs = 1_800_000_000_500;
const later = (seconds: number) => Math.floor(startMs / 1000) + seconds;

/** Whoever answers mandates, by the tests' clock. */
function on(consent: Consent): Consent {
  return { ...consent, reject: (chain, claims) => consent.reject(chain, { iat: later(0), ...claims }) };
}

/** A payment that can be tried and rejected. */
async function situation() {
  const clock = createManualClock(startMs);
  const harness = createHarness({ clock });
  const consent = on(await giveConsent());
  const chain = await consent.close();
  const mandate = mandateFromAP2(chain);
  const keys: string[] = [];
  return {
    harness,
    consent,
    chain,
    mandate,
    keys,
    attempt: (body: (payment: Payment) => unknown = lost) =>
      withReservation(harness.authority, makeTerms({ mandate }), (payment) => {
        keys.push(payment.pspIdempotencyKey);
        return body(payment);
      }).catch((error: unknown) => error),
    release: (receipt: string, presented = chain, of: Consent = consent) =>
      releaseRejected(harness.authority, mandate, receipt, { key: of.verifierKey, mandate: presented }),
    status: (id: string) => harness.cycles.reservations.get(id)?.status,
  };
}

function secondWorker({ cycles, records }: Harness): CyclesAuthority {
  const clock = createManualClock(startMs);
  return new CyclesAuthority(clientOf(cycles, clock), { records, clock });
}

describe("a rejection receipt", () => {
  it("frees the attempt that it rejects, and the next one has a PSP key of its own", async () => {
    const { consent, chain, attempt, release, status, keys } = await situation();
    await attempt();
    await expect(release(await consent.reject(chain))).resolves.toBe("released");
    expect(status("rsv_1")).toBe("RELEASED");
    await attempt(() => 1);
    expect(status("rsv_2")).toBe("COMMITTED");
    expect(keys[1]).toBe(`${keys[0]}:e1`);
  });

  it("is believed once: delivered again, it does not free a later attempt that was charged", async () => {
    const { consent, chain, attempt, release, status } = await situation();
    await attempt();
    const receipt = await consent.reject(chain);
    await release(receipt);
    await expect(release(receipt)).rejects.toThrow(/believed once/);
    await attempt();
    await expect(release(receipt)).rejects.toThrow(/believed once/);
    expect(status("rsv_2")).toBe("ACTIVE");
  });

  it("is the same receipt under its signature's second spelling", async () => {
    const { consent, chain, attempt, release } = await situation();
    await attempt();
    const receipt = await consent.reject(chain);
    await release(receipt);
    await attempt();
    await expect(release(flipped(receipt))).rejects.toThrow(/believed once/);
  });

  it("of an attempt that was released otherwise is believed for that attempt, not for the one after it", async () => {
    const { consent, chain, attempt, release, status } = await situation();
    await attempt(() => Promise.reject(new AP2PaymentDeclined("no")));
    const receipt = await consent.reject(chain);
    await expect(release(receipt)).resolves.toBe("released");
    await attempt();
    await expect(release(receipt)).rejects.toThrow(/believed once/);
    expect(status("rsv_2")).toBe("ACTIVE");
  });

  it("that was issued before the attempt began frees nothing", async () => {
    const { consent, chain, attempt, release, status } = await situation();
    const early = await consent.reject(chain, { iat: later(-5) });
    await attempt();
    await expect(release(early)).rejects.toThrow(/before the attempt began/);
    expect(status("rsv_1")).toBe("ACTIVE");
  });

  it("from the second in which a later attempt began may be the earlier attempt's, and frees nothing", async () => {
    const { consent, chain, attempt, release, status } = await situation();
    await attempt(() => Promise.reject(new AP2PaymentDeclined("no")));
    const late = await consent.reject(chain);
    await attempt();
    await expect(release(late)).rejects.toThrow(/before the attempt began/);
    expect(status("rsv_2")).toBe("ACTIVE");
    await expect(release(await consent.reject(chain, { iat: later(1) }))).resolves.toBe("released");
  });

  it("of the second rejection frees the second attempt, in the same second too", async () => {
    const { consent, chain, attempt, release, status } = await situation();
    await attempt();
    await release(await consent.reject(chain, { error_description: "first" }));
    await attempt();
    await expect(release(await consent.reject(chain, { error_description: "second" }))).resolves.toBe("released");
    expect(status("rsv_2")).toBe("RELEASED");
  });

  it.each([
    ["without a date", { iat: undefined }, /when it was issued/],
    ["from the future", { iat: later(3_600) }, /from the future/],
    ["without an error", { error: undefined }, /does not name it/],
    ["with an empty error", { error: "" }, /does not name it/],
    ["that says both", { result: "success" }, /says both/],
    ["of success", { status: "Success" }, /reports a success/],
  ])("%s frees nothing", async (_, claims, message) => {
    const { consent, chain, attempt, release, status } = await situation();
    await attempt();
    await expect(release(await consent.reject(chain, claims))).rejects.toThrow(message);
    expect(status("rsv_1")).toBe("ACTIVE");
  });

  it("of another mandate frees nothing, whatever of it is the same", async () => {
    const { consent, attempt, release, status } = await situation();
    await attempt();
    const stranger = on(await giveConsent());
    const others: readonly (readonly [Consent, Claims])[] = [
      [consent, { transaction_id: "tx_2" }],
      [consent, { payment_amount: { amount: 100, currency: "USD" } }],
      [consent, { payee: { id: "merchant_2", name: "Other" } }],
      [stranger, {}],
    ];
    for (const [of, claims] of others) {
      const chain = await of.close(claims);
      await expect(release(await of.reject(chain), chain, of)).rejects.toThrow(/another mandate/);
    }
    const chain = await stranger.close();
    const [, leaf = ""] = chain.split("~~");
    // A closed mandate alone does not say under which open one it was signed.
    await expect(release(await stranger.reject(leaf), leaf, stranger)).rejects.toThrow(/lacks its open mandate/);
    expect(status("rsv_1")).toBe("ACTIVE");
  });

  it("frees nothing while the body runs, and a second worker cannot charge", async () => {
    const { harness, consent, chain, mandate, attempt, release, keys } = await situation();
    let finish = () => {};
    const running = attempt(() => new Promise<void>((resolve) => (finish = resolve)));
    await expect.poll(() => keys.length).toBe(1);
    const receipt = await consent.reject(chain);
    await expect(release(receipt)).rejects.toMatchObject({ code: "ERR_AP2_IN_USE" });
    const second = withReservation(secondWorker(harness), makeTerms({ mandate }), () => expect.fail("it may charge"));
    await expect(second).rejects.toMatchObject({ name: "AP2AlreadyConsumed" });
    finish();
    await expect(running).resolves.toMatchObject({ settlement: { status: "committed" } });
    await expect(release(receipt)).resolves.toBe("settled");
  });

  it("frees what a dead worker left once it has been silent for two minutes", async () => {
    const clock = createManualClock();
    const records = memoryRecordStore();
    const harness = createHarness({ records, clock });
    const consent = await giveConsent();
    const chain = await consent.close();
    const mandate = mandateFromAP2(chain);
    const iat = Math.floor(clock.now() / 1000) + 1;
    const dead = createManualClock(clock.now());
    let began = false;
    void withReservation(
      new CyclesAuthority(clientOf(harness.cycles, dead), { records, clock: dead }),
      makeTerms({ mandate }),
      () => ((began = true), new Promise(() => {})),
    );
    await expect.poll(() => began).toBe(true);
    const options = { key: consent.verifierKey, mandate: chain };
    const receipt = await consent.reject(chain, { iat });
    await clock.advance(119_000);
    await expect(releaseRejected(harness.authority, mandate, receipt, options)).rejects.toMatchObject({
      code: "ERR_AP2_IN_USE",
    });
    await clock.advance(1_000);
    // By this clock it has; its lease, which the authority keeps, says that it lives.
    await expect(releaseRejected(harness.authority, mandate, receipt, options)).resolves.toBe("unresolved");
    harness.cycles.skewMs = 120_000;
    await expect(releaseRejected(harness.authority, mandate, receipt, options)).resolves.toBe("released");
  });

  it("leaves a payment used that a look-up found charged", async () => {
    const { harness, consent, chain, attempt, release } = await situation();
    await attempt();
    await recover(harness.authority, { lookupCharge: () => ({ status: "charged" }) });
    await expect(release(await consent.reject(chain))).resolves.toBe("settled");
    expect(harness.cycles.spent).toBe(9_900_000_000);
  });

  it("does not say which of several legs it rejects, and frees none", async () => {
    const { harness, consent, chain, mandate, release } = await situation();
    for (const number of [1, 2]) {
      const terms = makeTerms({ mandate, leg: { number, amountValue: "10.00" } });
      await withReservation(harness.authority, terms, lost).catch(() => {});
    }
    await expect(release(await consent.reject(chain, { iat: later(1) }))).rejects.toThrow(/which one/);
  });

  it("is still good after an authority that could not say what became of the reservation", async () => {
    const { harness, consent, chain, attempt, release } = await situation();
    await attempt();
    const receipt = await consent.reject(chain);
    harness.cycles.fault = (operation) => (operation === "get" ? refusal(403, "FORBIDDEN") : undefined);
    await expect(release(receipt)).resolves.toBe("unresolved");
    harness.cycles.fault = () => undefined;
    await expect(release(receipt)).resolves.toBe("released");
  });

  it("delivered to two workers at once frees one attempt once", async () => {
    const { harness, consent, chain, mandate, attempt } = await situation();
    await attempt();
    const receipt = await consent.reject(chain);
    const options = { key: consent.verifierKey, mandate: chain };
    const both = await Promise.allSettled(
      [harness.authority, secondWorker(harness)].map((worker) => releaseRejected(worker, mandate, receipt, options)),
    );
    expect(both.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

it("a receipt that reports an error without naming it is no receipt of either kind", async () => {
  const consent = await giveConsent();
  const mandate = await consent.close();
  const receipt = await consent.reject(mandate, { error: undefined });
  const report = await verifyMandateReceipt(receipt, { key: consent.verifierKey, mandate });
  expect(report).toMatchObject({ findings: [{ code: "no_error" }] });
  expect(report.outcome).toBeUndefined();
});

const order = 0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff_bce6_faad_a717_9e84_f3b9_cac2_fc63_2551n;

/** The JWS with the other valid signature, (r, n − s). */
function flipped(jws: string): string {
  const [header, payload, signature = ""] = jws.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const other = Buffer.from((order - s).toString(16).padStart(64, "0"), "hex");
  return `${header}.${payload}.${Buffer.concat([bytes.subarray(0, 32), other]).toString("base64url")}`;
}
