import { randomUUID } from "node:crypto";
import { memoryRecordStore } from "@imprest/core";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import { AP2AlreadyConsumed, AP2DryRunResult, withReservation } from "@imprest/ap2";
import { describe, expect, it } from "vitest";

// The Python guard's tests/integration/test_live_ap2_guard.py. Needs CYCLES_BASE_URL, CYCLES_API_KEY, CYCLES_TENANT, and
// a budget of the tenant; each test pays a hundred-millionth of a dollar.

const tenant = process.env["CYCLES_TENANT"] ?? "";

function setUp() {
  const authority = () => new CyclesAuthority(CyclesClient.fromEnv(), { records: memoryRecordStore() });
  const mandate = {
    transactionId: randomUUID(),
    amountValue: "0.00000001",
    currency: "USD",
    payeeWebsite: "merchant.example",
  };
  return { authority, terms: { mandate, tenant, runId: randomUUID() } };
}

describe.skipIf(process.env["CYCLES_BASE_URL"] === undefined)(
  "on the server at CYCLES_BASE_URL (skipped without one)",
  () => {
    it("clean_commit, async_clean_commit", async () => {
      const { authority, terms } = setUp();
      const { settlement } = await withReservation(authority(), terms, (payment) =>
        payment.attachReceiptFields({ psp_ref: "live" }),
      );
      expect(settlement).toMatchObject({ status: "committed", receipt: { psp_ref: "live" } });
    });
    it("exception_inside_with_releases, and what may have been charged is not tried again", async () => {
      const { authority, terms } = setUp();
      const live = authority();
      const paid = withReservation(live, { ...terms, compat: "python" }, () => Promise.reject(new RangeError("boom")));
      await expect(paid).rejects.toThrow(RangeError);
      await expect(withReservation(live, terms, () => 1)).rejects.toThrow(AP2AlreadyConsumed);
    });
    it("dry_run_raises_result, and the live key stays free", async () => {
      const { authority, terms } = setUp();
      await expect(withReservation(authority(), { ...terms, dryRun: true }, () => {})).rejects.toThrow(AP2DryRunResult);
      await expect(withReservation(authority(), terms, () => 1)).resolves.toMatchObject({
        settlement: { status: "committed" },
      });
    });
    it("idempotent_replay: a second worker with another store never runs its body", async () => {
      const { authority, terms } = setUp();
      await withReservation(authority(), terms, () => {});
      await expect(withReservation(authority(), terms, () => expect.fail("charged twice"))).rejects.toThrow(
        AP2AlreadyConsumed,
      );
    });
  },
);
