import { type AP2Mandate, paymentAuthority, recover } from "@imprest/ap2";
import { type Clock, systemClock } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
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
function createClient(
  sign: () => Promise<object> = async () => ({ signature: "0x" }),
  mandate: () => AP2Mandate = () => oneCent,
  clock: Clock = systemClock,
) {
  const harness = createHarness({ clock });
  const unsettled: unknown[] = [];
  // What may be spent is the guard's question here, not the client's own table of assets.
  const client = x402Client.fromConfig({ schemes: [], spendControls: false });
  client.register("eip155:84532", {
    scheme: "exact",
    createPaymentPayload: async (x402Version) => ({ x402Version, payload: { ...(await sign()) } }),
  });
  guardX402(client, harness.authority, {
    terms: () => makeTerms({ mandate: mandate() }),
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
  it.each(["abc", "", "-1", "1.5", "0x10", "1e3"])(
    "a server that asks for %o is not paid, and nothing is held",
    async (amount) => {
      const { cycles, client, pay } = createClient();
      const odd = { ...required, accepts: [{ ...requirements, amount }] } as Parameters<
        x402Client["createPaymentPayload"]
      >[0];
      await expect(client.createPaymentPayload(odd)).rejects.toThrow();
      expect(cycles.requests("reserve")).toHaveLength(0);
      await expect(pay()).resolves.toBeDefined();
    },
  );
  it.each(["abc", "1.5", "-1"])("a server that says it settled %o is held, and the chain is asked", async (amount) => {
    const { authority, cycles, client, pay, unsettled } = createClient();
    const paymentPayload = await pay();
    const settleResponse = { success: true, transaction: "0xabc", network: requirements.network, amount };
    await client.handlePaymentResponse({ paymentPayload, requirements, settleResponse });
    expect(unsettled).toMatchObject([{ errorCode: "PSP_OUTCOME_UNKNOWN" }]);
    await expect(
      recover(authority, { lookupCharge: () => ({ status: "charged", reference: "0xabc" }) }),
    ).resolves.toMatchObject({ settled: 1 });
    expect(cycles.spent).toBe(1_000_000);
  });
  it("two payments from one cached 402 are both tracked and both settled", async () => {
    let nth = 0;
    const twice = createClient(undefined, () =>
      makeMandate({ transactionId: `weather-${(nth += 1)}`, amountValue: "0.01" }),
    );
    const cached = structuredClone(required) as Parameters<x402Client["createPaymentPayload"]>[0];
    const payloads = await Promise.all([
      twice.client.createPaymentPayload(cached),
      twice.client.createPaymentPayload(cached),
    ]);
    for (const paymentPayload of payloads) {
      const settleResponse = {
        success: true,
        transaction: `0x${payloads.indexOf(paymentPayload)}`,
        network: requirements.network,
      };
      await twice.client.handlePaymentResponse({ paymentPayload, requirements, settleResponse });
    }
    expect(twice.cycles.spent).toBe(2_000_000);
    expect(twice.cycles.reserved).toBe(0);
  });
  it("a payment that another hook stops before it is signed is given back after a minute", async () => {
    const clock = createManualClock();
    const { cycles, client, pay, authority } = createClient(undefined, undefined, clock);
    client.onBeforePaymentCreation(async () => ({ abort: true, reason: "the user said no" }));
    await expect(pay()).rejects.toThrow("the user said no");
    await clock.advance(60_000);
    await paymentAuthority(authority).idle();
    await expect.poll(() => cycles.reservations.get("rsv_1")?.status).toBe("RELEASED");
  });
  it("a payload that nobody answers is held once it is no longer valid, and the chain is asked", async () => {
    const clock = createManualClock();
    const { cycles, authority, pay, unsettled } = createClient(undefined, undefined, clock);
    await pay();
    await clock.advance(119_999);
    expect(unsettled).toEqual([]);
    await clock.advance(1);
    await expect.poll(() => unsettled.length).toBe(1);
    const lookupCharge = () => ({ status: "charged", reference: "0xdef" }) as const;
    await expect(recover(authority, { lookupCharge })).resolves.toMatchObject({ settled: 1 });
    expect(cycles.spent).toBe(1_000_000);
  });
});
