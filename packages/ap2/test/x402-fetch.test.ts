import { recover } from "@imprest/ap2";
import { type X402FetchOptions, guardX402Fetch } from "@imprest/ap2/x402";
import { memoryRecordStore, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { x402Client, x402HTTPClient } from "@x402/core/client";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

// Paid requests through the real client of `@x402/core`, over a budget in this process: what the seller settled is what is
// booked, wherever the connection breaks.

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64");
const asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const payTo = "0x0000000000000000000000000000000000000001";
const cent = 1_000_000n;

type Break = "none" | "before-settling" | "after-settling" | "refuses" | "fails" | "says-nothing";

/** A seller of weather at a cent, who speaks either version, and counts what it settled. */
class Seller {
  readonly settled: string[] = [];
  version = 2;
  breaks: Break = "none";
  amount = "10000";

  readonly fetch = async (request: Request): Promise<Response> => {
    const header = request.headers.get("PAYMENT-SIGNATURE") ?? request.headers.get("X-PAYMENT");
    if (header === null) return this.#ask();
    const { payload } = JSON.parse(Buffer.from(header, "base64").toString()) as {
      readonly payload: { readonly authorization: { readonly nonce: string } };
    };
    if (this.breaks === "before-settling") throw new TypeError("fetch failed");
    if (this.breaks === "refuses") return this.#ask();
    if (this.breaks === "fails") return new Response("{}", { status: 500 });
    this.settled.push(payload.authorization.nonce);
    if (this.breaks === "after-settling") throw new TypeError("fetch failed");
    if (this.breaks === "says-nothing") return new Response("sunny");
    const name = this.version === 2 ? "PAYMENT-RESPONSE" : "X-PAYMENT-RESPONSE";
    const network = this.version === 2 ? "eip155:84532" : "base-sepolia";
    const answer = { success: true, transaction: `0x${this.settled.length}`, network, payer: payTo };
    return new Response("sunny", { headers: { [name]: encode(answer) } });
  };

  #ask(): Response {
    const terms = { scheme: "exact", asset, payTo, maxTimeoutSeconds: 60, extra: {} };
    if (this.version === 1) {
      const more = { resource: "https://api.example/weather", description: "", mimeType: "" };
      const accepts = [{ ...terms, ...more, network: "base-sepolia", maxAmountRequired: this.amount }];
      return new Response(JSON.stringify({ x402Version: 1, accepts }), { status: 402 });
    }
    const resource = { url: "https://api.example/weather", description: "", mimeType: "" };
    const accepts = [{ ...terms, network: "eip155:84532", amount: this.amount }];
    return new Response("{}", {
      status: 402,
      headers: { "PAYMENT-REQUIRED": encode({ x402Version: 2, resource, accepts }) },
    });
  }
}

async function open(options: Partial<X402FetchOptions> = {}, allocated = "0.05") {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd(allocated) });
  const records = memoryRecordStore();
  const worker = () => embedded.authority({ tenant: "acme", records });
  const seller = new Seller();
  let signed = 0;
  const payload = async (): Promise<object> => {
    signed += 1;
    return { signature: "0x", authorization: { nonce: `0xn${signed}` } };
  };
  // What may be spent is the guard's question here, not the client's own table of assets.
  const client = x402Client.fromConfig({ schemes: [], spendControls: false });
  client.register("eip155:84532", {
    scheme: "exact",
    createPaymentPayload: async (x402Version) => ({ x402Version, payload: { ...(await payload()) } }),
  });
  client.registerV1("base-sepolia", {
    scheme: "exact",
    createPaymentPayload: async () => ({
      x402Version: 1,
      scheme: "exact",
      network: "base-sepolia",
      payload: { ...(await payload()) },
    }),
  });
  const unsettled: unknown[] = [];
  const pay = guardX402Fetch(seller.fetch, new x402HTTPClient(client), worker(), {
    terms: { runId: "run_1", tenant: "acme" },
    onUnsettled: (error) => unsettled.push(error),
    ...options,
  });
  const books = async () => {
    const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
    return { spent, reserved };
  };
  /** Asks the chain whether a nonce was used. */
  const recoverAll = () =>
    recover(worker(), {
      abandonedAfterMs: 0,
      absentAfterMs: 0,
      lookupCharge: ({ reference }) =>
        reference !== undefined && seller.settled.includes(reference) ? { status: "charged" } : { status: "declined" },
    });
  return { seller, pay, books, unsettled, recoverAll, signed: () => signed };
}

const url = (n: number): string => `https://api.example/weather/${n}`;
const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe.each([1, 2])("version %i", (version) => {
  it("five of eight requests are paid from a budget of five cents, and the books say so", async () => {
    const { seller, pay, books } = await open();
    seller.version = version;
    const outcomes: unknown[] = [];
    for (let n = 0; n < 8; n += 1) outcomes.push(await failureOf(pay(url(n)).then((response) => response.status)));
    expect(outcomes.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(outcomes.slice(5)).toMatchObject([{ reasonCode: "BUDGET_EXCEEDED" }, {}, {}]);
    expect(seller.settled).toHaveLength(5);
    expect(await books()).toEqual({ spent: 5n * cent, reserved: 0n });
  });

  it("the same request again is the same purchase, at once or later", async () => {
    const { seller, pay, books } = await open();
    seller.version = version;
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => failureOf(pay(url(1)))));
    expect(outcomes.filter((one) => one instanceof Response)).toHaveLength(1);
    expect(await failureOf(pay(url(1)))).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
    expect(seller.settled).toHaveLength(1);
    expect(await books()).toEqual({ spent: cent, reserved: 0n });
  });

  it.each<[Break, number]>([
    ["before-settling", 0],
    ["after-settling", 1],
    ["refuses", 0],
    ["fails", 0],
    ["says-nothing", 1],
  ])("a seller that %s leaves the payment held, until the chain says", async (breaks, settled) => {
    const { seller, pay, books, unsettled, recoverAll } = await open();
    seller.version = version;
    seller.breaks = breaks;
    await failureOf(pay(url(1)));
    expect(unsettled).toMatchObject([{ errorCode: "PSP_OUTCOME_UNKNOWN" }]);
    expect(await books()).toEqual({ spent: 0n, reserved: cent });
    expect(await recoverAll()).toMatchObject({ unresolved: 0 });
    expect(seller.settled).toHaveLength(settled);
    expect(await books()).toEqual({ spent: BigInt(settled) * cent, reserved: 0n });
  });
});

it("an amount of no known price is refused before anything is signed", async () => {
  const { seller, pay, books, signed } = await open();
  seller.amount = "abc";
  await expect(pay(url(1))).rejects.toThrow(/price is known/);
  expect([signed(), await books()]).toEqual([0, { spent: 0n, reserved: 0n }]);
});

it("twice the same thing is bought where each purchase has an id of its own", async () => {
  const { seller, pay, books } = await open({ purchase: (request) => request.headers.get("x-order") ?? "none" });
  await pay(url(1), { headers: { "x-order": "a" } });
  await pay(url(1), { headers: { "x-order": "b" } });
  await failureOf(pay(url(1), { headers: { "x-order": "b" } }));
  expect(seller.settled).toHaveLength(2);
  expect(await books()).toEqual({ spent: 2n * cent, reserved: 0n });
});

it("what the seller settled is what is booked, wherever connections break and whatever is asked again", async () => {
  const breaks = fc.constantFrom<Break>(
    "none",
    "before-settling",
    "after-settling",
    "refuses",
    "fails",
    "says-nothing",
  );
  const step = fc.record({
    n: fc.integer({ min: 1, max: 3 }),
    breaks,
    version: fc.constantFrom(1, 2),
    recovers: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const { seller, pay, books, recoverAll } = await open({}, "10");
      for (const { n, recovers, ...how } of steps) {
        Object.assign(seller, how);
        await failureOf(pay(url(n)));
        if (recovers) await recoverAll();
      }
      await recoverAll();
      expect(await books()).toEqual({ spent: BigInt(seller.settled.length) * cent, reserved: 0n });
    }),
    { numRuns: 100 },
  );
});
