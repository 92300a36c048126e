// #region payment
import { AP2GuardCommitUncertain, guard } from "@imprest/ap2";
import { memoryRecordStore } from "@imprest/core";
import { brokenTransport, openTestAuthority } from "@imprest/testing";
import { expect, it } from "vitest";
import { openCycles } from "./program.ts";

const mandate = { transactionId: "order-1", amountValue: "0.50", currency: "USD", payeeWebsite: "shop.example" };

it("books a payment once though every answer to its commit is lost", async () => {
  await using test = await openTestAuthority({ limit: "$1.00" });
  const { connection, clock } = test;
  let isDown = true;
  const transport = brokenTransport(connection.transport, ({ url }) =>
    isDown && url.endsWith("/commit") ? "answer-lost" : undefined,
  );
  const shop = openCycles({ ...connection, transport });
  const records = memoryRecordStore();
  const charges: string[] = [];
  const pay = guard(
    shop,
    { tenant: "test", runId: "run_1" },
    async (payment) => {
      await payment.charging();
      const reference = `ch_${charges.push(payment.pspIdempotencyKey)}`;
      await payment.charged({ reference });
      return reference;
    },
    { records, tracksCharge: true },
  );

  const unsettled = await clock.drive(pay(mandate).catch((error: unknown) => error));
  if (!AP2GuardCommitUncertain.isInstance(unsettled)) throw new Error("The commit was acknowledged.");
  expect(unsettled.value).toBe("ch_1"); // what the body returned: the money moved

  isDown = false;
  await clock.advance(60_000); // the commit is sent again, under the same key
  await expect(pay(mandate)).rejects.toMatchObject({ phase: "settled" });
  expect(charges).toHaveLength(1);
  expect(await test.books()).toMatchObject({ spent: { amount: 50_000_000n }, reserved: { amount: 0n } });
});
// #endregion
