import { guard, recover } from "@imprest/ap2";
import { guardX402Fetch } from "@imprest/ap2/x402";
import { memoryRecordStore, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { type Checks, expectEqual, failureOf } from "../check.ts";

const subject = { tenant: "acme" };

/** The payment guard out of a budget in this process. */
export const payments: Checks = {
  async "ap2: pays once a mandate"() {
    const embedded = createEmbeddedAuthority();
    await embedded.budgets.create({ scope: subject, allocated: usd("10") });
    const authority = embedded.authority({ ...subject, records: memoryRecordStore() });
    const charges: bigint[] = [];
    const pay = guard(authority, { ...subject, runId: "run_1" }, async (payment) => {
      await payment.charging();
      charges.push(payment.microcents);
      await payment.charged({ reference: `ch_${charges.length}` });
    });
    const mandate = { transactionId: "order-1", amountValue: "1.50", currency: "USD", payeeWebsite: "shop.example" };
    await pay(mandate);
    expectEqual(await failureOf(pay(mandate)), "AP2AlreadyConsumed");
    expectEqual(charges.join(), "150000000");
    const { settled, released, unresolved } = await recover(authority, { abandonedAfterMs: 0 });
    expectEqual(`${settled} ${released} ${unresolved}`, "0 0 0");
    const { spent, reserved } = await embedded.budgets.get({ scope: subject, unit: "USD_MICROCENTS" });
    expectEqual(`${spent} ${reserved}`, "150000000 0");
  },

  async "x402: a request that asks for no money is answered as it is"() {
    const authority = createEmbeddedAuthority().authority(subject);
    const client = {} as Parameters<typeof guardX402Fetch>[1];
    const terms = { ...subject, runId: "run_1" };
    const pay = guardX402Fetch(async () => new Response("free"), client, authority, { terms });
    expectEqual(await (await pay("https://shop.example/weather")).text(), "free");
  },
};
