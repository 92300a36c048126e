import { recover } from "@imprest/ap2";
import { guardX402 } from "@imprest/ap2/x402";
import { x402Client } from "@x402/core/client";
import { describe, expect, it } from "vitest";
import { createHarness, makeMandate, makeTerms } from "./support/harness.ts";

const requirements = {
  scheme: "exact",
  network: "eip155:84532" as const,
  asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
  amount: "10000",
  payTo: "0x0000000000000000000000000000000000000001",
  maxTimeoutSeconds: 60,
  extra: {},
};
const required = {
  x402Version: 2,
  resource: { url: "https://api.example/weather", description: "", mimeType: "" },
  accepts: [requirements],
};
const oneCent = makeMandate({ transactionId: "weather-1", amountValue: "0.01" });

/** The real client of `@x402/core`, with a scheme that signs nothing. */
function createClient(sign: () => Promise<object> = async () => ({ signature: "0x" })) {
  const harness = createHarness();
  const unsettled: unknown[] = [];
  // What may be spent is the guard's question here, not the client's own table of assets.
  const client = x402Client.fromConfig({ schemes: [], spendControls: false });
  client.register("eip155:84532", {
    scheme: "exact",
    createPaymentPayload: async (x402Version) => ({ x402Version, payload: { ...(await sign()) } }),
  });
  guardX402(client, harness.authority, {
    terms: () => makeTerms({ mandate: oneCent }),
    microcents: (atomic) => atomic * 100n,
    onUnsettled: (error) => unsettled.push(error),
  });
  const pay = () =>
    client.createPaymentPayload(structuredClone(required) as Parameters<x402Client["createPaymentPayload"]>[0]);
  return { ...harness, client, unsettled, pay };
}

describe("the hooks of @x402/core", () => {
  it("reserves before signing, commits what the server settled, and refuses the second payment", async () => {
    const { cycles, client, pay } = createClient();
    const paymentPayload = await pay();
    expect(cycles.reservations.get("rsv_1")?.status).toBe("ACTIVE");
    const settleResponse = { success: true, transaction: "0xabc", network: requirements.network, amount: "9000" };
    await client.handlePaymentResponse({ paymentPayload, requirements, settleResponse });
    expect(cycles.reservations.get("rsv_1")).toMatchObject({
      status: "COMMITTED",
      committed: 900_000,
      committedMetadata: { psp_ref: "0xabc" },
    });
    await expect(pay()).rejects.toThrow(/was used/);
  });
  it("a denial aborts before anything is signed", async () => {
    const { cycles, pay } = createClient(() => expect.fail("signed"));
    cycles.budget = 0;
    await expect(pay()).rejects.toThrow(/BUDGET_EXCEEDED/);
  });
  it("a server that asks for more than the mandate allows is not paid, and the budget is given back", async () => {
    const { cycles, client } = createClient(() => expect.fail("signed"));
    const more = { ...required, accepts: [{ ...requirements, amount: "10001" }] } as Parameters<
      x402Client["createPaymentPayload"]
    >[0];
    await expect(client.createPaymentPayload(more)).rejects.toThrow(/more than the mandate/);
    expect(cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
  });
  it("a payload that could not be made is released", async () => {
    const { cycles, pay } = createClient(() => Promise.reject(new Error("no wallet")));
    await expect(pay()).rejects.toThrow("no wallet");
    expect(cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
  });
  it.each([
    ["a lost answer", { error: new Error("network") }],
    [
      "a failure that the server reports",
      { settleResponse: { success: false, transaction: "", network: requirements.network, errorReason: "timeout" } },
    ],
  ])("%s is held, told, and recovered by asking the chain", async (_, outcome) => {
    const { authority, cycles, client, pay, unsettled } = createClient();
    const paymentPayload = await pay();
    await client.handlePaymentResponse({ paymentPayload, requirements, ...outcome });
    expect(unsettled).toMatchObject([{ errorCode: "PSP_OUTCOME_UNKNOWN" }]);
    expect(cycles.reservations.get("rsv_1")?.status).toBe("ACTIVE");
    await expect(
      recover(authority, { lookupCharge: () => ({ status: "charged", reference: "0xdef" }) }),
    ).resolves.toMatchObject({ settled: 1 });
    expect(cycles.spent).toBe(1_000_000);
  });
});
