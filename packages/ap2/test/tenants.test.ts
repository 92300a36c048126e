import {
  AP2GuardCommitUncertain,
  type AP2Mandate,
  type Payment,
  guardRefund,
  reconcile,
  recover,
  withReservation,
} from "@imprest/ap2";
import { stripeLookupCharge } from "@imprest/ap2/stripe";
import { type RecordStore, memoryRecordStore, systemClock } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { describe, expect, it } from "vitest";
import { openShop } from "./stripe/support.ts";
import { CountingPsp } from "./support/counting-psp.ts";
import { FakeCycles } from "./support/fake-cycles.ts";
import { clientOf, makeMandate, makeTerms } from "./support/harness.ts";

const soon = { abandonedAfterMs: 0, absentAfterMs: 0 };

/** A platform's tenants share the store and the account at the PSP; each has books of its own. */
class Platform {
  readonly records: RecordStore = memoryRecordStore();
  readonly psp = new CountingPsp({ honoursKeys: true });
  readonly books = { acme: new FakeCycles(), globex: new FakeCycles() };

  authority(tenant: Tenant): CyclesAuthority {
    return new CyclesAuthority(clientOf(this.books[tenant], systemClock, tenant), { records: this.records });
  }

  /** @returns how it was settled, or the error. */
  pay(
    tenant: Tenant,
    body: (payment: Payment) => unknown = this.charge,
    mandate: AP2Mandate = makeMandate(),
  ): Promise<unknown> {
    return withReservation(this.authority(tenant), makeTerms({ tenant, mandate }), body).then(
      ({ settlement }) => settlement.status,
      (error: unknown) => error,
    );
  }

  readonly charge = async (payment: Payment): Promise<void> => {
    await payment.charged({ reference: this.psp.charge(payment) });
  };

  recover(tenant: Tenant): ReturnType<typeof recover> {
    return recover(this.authority(tenant), {
      ...soon,
      lookupCharge: ({ pspIdempotencyKey }) => {
        const found = this.psp.charges.find(({ key }) => key === pspIdempotencyKey);
        return found ? { status: "charged", reference: found.id } : { status: "none" };
      },
    });
  }

  get spent(): readonly number[] {
    return [this.books.acme.spent, this.books.globex.spent];
  }
}

type Tenant = "acme" | "globex";
const price = 19_900_000_000;

const lost = (): never => {
  throw new Error("lost");
};

describe("two tenants with one order number", () => {
  it("have a charge each at a PSP that honours keys", async () => {
    const platform = new Platform();
    await expect(platform.pay("acme")).resolves.toBe("committed");
    await expect(platform.pay("globex")).resolves.toBe("committed");
    expect(platform.psp.charges).toHaveLength(2);
    expect(platform.spent).toEqual([price, price]);
  });

  it("the charge of one does not settle the other's payment, whose request never left", async () => {
    const platform = new Platform();
    await platform.pay("acme");
    expect(await platform.pay("globex", lost)).toBeInstanceOf(AP2GuardCommitUncertain);
    await expect(platform.recover("globex")).resolves.toMatchObject({ settled: 0, released: 1 });
    expect(platform.spent).toEqual([price, 0]);
  });

  it("an intent whose metadata name another record is another payment's, under the same key too", async () => {
    const shop = await openShop();
    await shop.pay();
    const [intent] = (await shop.stripe.paymentIntents.list()).data;
    const query = {
      pspIdempotencyKey: intent?.metadata["imprest_key"] ?? "",
      transactionId: "ap2-tx-001",
      microcents: 19_900_000_000n,
      startedAtMs: Date.now(),
      signal: new AbortController().signal,
    };
    const lookUp = stripeLookupCharge(shop.stripe);
    const record = intent?.metadata["imprest_record"] ?? "";
    await expect(lookUp({ ...query, record })).resolves.toMatchObject({ status: "charged" });
    await expect(lookUp({ ...query, record: `${record}-of-globex` })).resolves.toEqual({ status: "none" });
  });
});

describe("two tenants with one open mandate of several uses", () => {
  const limits = { frequency: "ON_DEMAND", maxOccurrences: 9 };
  const mandateOf = (transactionId: string): AP2Mandate =>
    makeMandate({ transactionId, openMandateHash: "omh", limits });

  it("the payment of the second is settled by the second's recovery, and by no other", async () => {
    const platform = new Platform();
    await platform.pay("acme", platform.charge, mandateOf("a"));
    const held = await platform.pay(
      "globex",
      (payment) => {
        platform.psp.charge(payment);
        return lost();
      },
      mandateOf("b"),
    );
    await expect(platform.recover("acme")).resolves.toMatchObject({ settled: 0, released: 0, unresolved: 0 });
    await expect(reconcile(platform.authority("acme"), held as AP2GuardCommitUncertain)).resolves.toBe("unresolved");
    await expect(platform.recover("globex")).resolves.toMatchObject({ settled: 1 });
    expect(platform.spent).toEqual([price, price]);
  });

  it("the payment of one is given back by that one alone", async () => {
    const platform = new Platform();
    await platform.pay("acme", platform.charge, mandateOf("a"));
    const refund = (tenant: Tenant): Promise<unknown> =>
      guardRefund(
        platform.authority(tenant),
        { ...makeTerms({ tenant, mandate: mandateOf("a") }), refund: { number: 1, amount: BigInt(price) } },
        () => "refunded",
      ).then(
        ({ value }) => value,
        (error: { readonly code: string }) => error.code,
      );
    expect([await refund("acme"), await refund("globex")]).toEqual(["refunded", "ERR_AP2_NOTHING_PAID"]);
  });

  it("an attempt that an earlier version wrote is of its record's tenant", async () => {
    const platform = new Platform();
    await platform.pay("acme", lost, mandateOf("a"));
    for await (const { key, value, version } of platform.records.scan("ap2-payment:")) {
      const record = value as { readonly attempts: readonly { readonly target: string }[] };
      const attempts = record.attempts.map(({ target: _target, ...attempt }) => attempt);
      await platform.records.replace(key, { ...record, attempts }, version);
    }
    await expect(platform.recover("globex")).resolves.toMatchObject({ released: 0, unresolved: 0 });
    await expect(platform.recover("acme")).resolves.toMatchObject({ released: 1 });
  });
});

it("a payment that an earlier version began keeps its PSP key, which has no tenant", async () => {
  const platform = new Platform();
  const { records } = platform;
  await platform.pay("acme", lost);
  for await (const { key, value, version } of records.scan("ap2-payment:")) {
    const record = value as { readonly attempts: readonly { readonly pspTenant: string }[] };
    const attempts = record.attempts.map(({ pspTenant: _tenant, ...attempt }) => attempt);
    await records.replace(key, { ...record, attempts }, version);
  }
  await expect(platform.recover("acme")).resolves.toMatchObject({ released: 1 });
  await platform.pay("acme");
  expect(platform.psp.charges).toMatchObject([{ key: "ap2:tx:0094424f06331addbe7b9977acf59843:psp" }]);
});
