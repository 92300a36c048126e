import { reconcile, recover } from "@imprest/ap2";
import { type X402Payload, type X402Sent, payX402, x402LookupCharge } from "@imprest/ap2/x402";
import { createDeferred } from "@imprest/core/internal";
import { createManualClock } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { usdcMicrocents } from "../../src/x402/dollar-tokens.ts";
import { readSent, writeSent } from "../../src/x402/sent-payment.ts";
import { cent, failureOf, openBuyer, payTo, usdc } from "./support.ts";

const settled = (transaction: string, amount?: string) => ({
  success: true,
  transaction,
  ...(amount !== undefined && { amount }),
});

describe("a payment that is not sent is given back at once", () => {
  it.each([
    ["another hook of the client aborts", "onBeforePaymentCreation", async () => ({ abort: true, reason: "no" })],
    ["another hook of the client throws", "onAfterPaymentCreation", () => Promise.reject(new Error("no"))],
  ] as const)("when %s", async (_, name, hook) => {
    const { seller, client, budget, books, options } = await openBuyer();
    client[name](hook as () => Promise<undefined>);
    const exchange = {
      purchase: "p1",
      seller: "api.example",
      required: seller.required,
      send: () => expect.fail("sent"),
      settlementOf: () => undefined,
    };
    await expect(payX402(exchange, client, budget, options)).rejects.toThrow(/no/);
    expect(await books()).toEqual({ spent: 0n, reserved: 0n });
  });

  it("when the client signed for more than the server asked", async () => {
    const { seller, budget, books, options } = await openBuyer();
    const [accepted] = seller.required.accepts;
    const payload = { x402Version: 2, accepted, payload: { authorization: { nonce: "0xn", value: "10001" } } };
    const exchange = {
      purchase: "p1",
      seller: "api.example",
      required: seller.required,
      send: () => expect.fail("sent"),
      settlementOf: () => undefined,
    };
    const signer = { createPaymentPayload: async () => payload as X402Payload };
    await expect(payX402(exchange, signer, budget, options)).rejects.toThrow(/more than was reserved/);
    expect(await books()).toEqual({ spent: 0n, reserved: 0n });
  });
});

it("books what was signed where the client chose the cheaper of two offers, also after a look-up", async () => {
  const { client, budget, books, options, recoverAll, chain } = await openBuyer({ allocated: "1" });
  const offer = { scheme: "exact", network: "eip155:84532", asset: usdc, payTo, maxTimeoutSeconds: 60, extra: {} };
  const required = {
    x402Version: 2,
    accepts: [
      { ...offer, amount: "10000" },
      { ...offer, amount: "990000" },
    ],
  };
  const pay = (purchase: string, send: (payload: X402Payload) => Promise<string>) =>
    failureOf(
      payX402(
        { purchase, seller: "api.example", required, send, settlementOf: (answer) => settled(answer) },
        client,
        budget,
        options,
      ),
    );
  await pay("p1", async () => "0xt");
  expect(await books()).toEqual({ spent: cent, reserved: 0n });
  await pay("p2", async ({ payload }) => {
    chain.settle((payload as { authorization: { nonce: string } }).authorization.nonce, 10_000n);
    throw new Error("lost");
  });
  await recoverAll();
  expect(await books()).toEqual({ spent: 2n * cent, reserved: 0n });
});

it("books the part that was settled of what was signed once the chain has said it", async () => {
  const { seller, client, budget, books, options, worker } = await openBuyer();
  const exchange = {
    purchase: "p1",
    seller: "api.example",
    required: seller.required,
    send: async () => "sold",
    settlementOf: () => settled("0xt", "4000"),
  };
  await payX402(exchange, client, budget, options);
  expect(await books()).toEqual({ spent: 0n, reserved: cent });
  const microcents = (cent * 4n) / 10n;
  const lookupCharge = x402LookupCharge(async () => ({ used: true, blockSeconds: 1n, microcents }));
  await recover(worker(), { lookupCharge });
  expect(await books()).toEqual({ spent: microcents, reserved: 0n });
});

it("holds a payment whose answer is not there when its payload is over, and books the answer that comes after all", async () => {
  const clock = createManualClock();
  const { seller, client, budget, books, options, unsettled } = await openBuyer({ clock });
  const answer = createDeferred<string>();
  const sent = createDeferred<void>();
  const exchange = {
    purchase: "p1",
    seller: "api.example",
    required: seller.required,
    send: () => (sent.resolve(), answer.promise),
    settlementOf: (transaction: string) => settled(transaction),
  };
  const paid = payX402(exchange, client, budget, options);
  await sent.promise;
  await clock.advance(119_999);
  expect(unsettled).toEqual([]);
  await clock.advance(1);
  await expect.poll(() => unsettled).toMatchObject([{ errorCode: "PSP_OUTCOME_UNKNOWN" }]);
  answer.resolve("0xt");
  expect(await paid).toBe("0xt");
  expect(await books()).toEqual({ spent: cent, reserved: 0n });
});

it("hands the answer on when the books cannot be written and the listener throws", async () => {
  const { seller, client, budget, records } = await openBuyer();
  let isFull = false;
  const failing: typeof records = {
    ...records,
    replace: (...args) => (isFull ? Promise.reject(new Error("disk full")) : records.replace(...args)),
  };
  const exchange = {
    purchase: "p1",
    seller: "api.example",
    required: seller.required,
    send: async () => ((isFull = true), "sold"),
    settlementOf: () => undefined,
  };
  const onUnsettled = (): never => {
    throw new Error("no");
  };
  const options = { terms: { runId: "r", tenant: "acme" }, records: failing, onUnsettled };
  expect(await payX402(exchange, client, budget, options)).toBe("sold");
});

describe("the chain's word", () => {
  const sent: X402Sent = {
    network: "eip155:8453",
    asset: "0xa",
    method: "eip3009",
    payer: "0xp",
    nonce: "0xn",
    validBefore: "1000",
    microcents: 7n,
  };
  const query = {
    pspIdempotencyKey: "k",
    transactionId: "t",
    microcents: 9n,
    record: "ap2-payment:x",
    startedAtMs: 0,
    signal: new AbortController().signal,
  };

  it.each([
    [
      "a used nonce is a charge of what was signed",
      { used: true, blockSeconds: 1n },
      { status: "charged", reference: "0xn", amount: 7n },
    ],
    [
      "a used nonce has its transaction",
      { used: true, blockSeconds: 1n, transaction: "0xt", microcents: 3n },
      { status: "charged", reference: "0xt", amount: 3n },
    ],
    ["a nonce that may be used yet is unknown", { used: false, blockSeconds: 999n }, { status: "unknown" }],
    ["a nonce whose time is over was not charged", { used: false, blockSeconds: 1_000n }, { status: "declined" }],
    ["no word is unknown", undefined, { status: "unknown" }],
  ] as const)("%s", async (_, use, found) => {
    const lookUp = x402LookupCharge(async (asked) => (expect(asked).toEqual(sent), use));
    expect(await lookUp({ ...query, reference: writeSent(sent) })).toEqual(found);
  });

  it("a payload whose validity nobody knows is never taken for one that was not charged", async () => {
    const { validBefore: _, ...endless } = sent;
    const lookUp = x402LookupCharge(async () => ({ used: false, blockSeconds: 10n ** 12n }));
    expect(await lookUp({ ...query, reference: writeSent(endless) })).toEqual({ status: "unknown" });
  });

  it.each([undefined, "", "pi_1", "null", "{}", '{"nonce":"0x"}', '{"nonce":"0x","microcents":1}'])(
    "a reference of another kind (%o) is unknown, and the chain is not asked",
    async (reference) => {
      expect(readSent(reference)).toBeUndefined();
      const lookUp = x402LookupCharge(() => expect.fail("asked"));
      expect(await lookUp({ ...query, reference })).toEqual({ status: "unknown" });
    },
  );
});

it.each([
  ["eip155:8453", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", 100n],
  ["base", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", 100n],
  ["polygon", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", 100n],
  ["solana", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", 100n],
  ["solana", "epjfwdd5aufqssqem2qn1xzybapc8g4weggkzwytdt1v", undefined],
  ["eip155:1", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", undefined],
  ["eip155:4326", "0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7", undefined],
  ["constructor", "0x0", undefined],
])("an atomic unit on %s of %s is %s microcents", (network, asset, microcents) => {
  expect(usdcMicrocents(1n, { network, asset, payTo })).toBe(microcents);
});

it("what was held is settled by `reconcile` too, by the error that was reported", async () => {
  const { seller, client, budget, books, options, unsettled, chain } = await openBuyer();
  const exchange = {
    purchase: "p1",
    seller: "api.example",
    required: seller.required,
    send: () => Promise.reject(new Error("lost")),
    settlementOf: () => undefined,
  };
  await failureOf(payX402(exchange, client, budget, options));
  const lookupCharge = x402LookupCharge(async () => ({ used: true, blockSeconds: chain.seconds }));
  expect(await reconcile(budget, unsettled[0] as Parameters<typeof reconcile>[1], { lookupCharge })).toBe("settled");
  expect(await books()).toEqual({ spent: cent, reserved: 0n });
});

it.each([
  ["names a transaction of any length", () => settled("x".repeat(17_000)), { spent: cent, reserved: 0n }],
  ["cannot be read", () => expect.fail("unreadable"), { spent: 0n, reserved: cent }],
])("a payment whose answer %s is neither lost nor unbooked", async (_, settlementOf, expected) => {
  const { seller, client, budget, books, options } = await openBuyer();
  const exchange = { purchase: "p1", seller: "api.example", required: seller.required, settlementOf };
  expect(await payX402({ ...exchange, send: async () => "sold" }, client, budget, options)).toBe("sold");
  expect(await books()).toEqual(expected);
});

it("refuses to send a payment of version 1 that may be of either of two assets", async () => {
  const { budget, books, options } = await openBuyer({ allocated: "5" });
  const offer = { scheme: "exact", network: "base", payTo, maxAmountRequired: "10000" };
  const required = {
    x402Version: 1,
    accepts: [
      { ...offer, asset: "0xa" },
      { ...offer, asset: "0xb" },
    ],
  };
  const signer = {
    createPaymentPayload: async () =>
      ({
        x402Version: 1,
        scheme: "exact",
        network: "base",
        payload: { authorization: { value: "10000" } },
      }) as X402Payload,
  };
  const exchange = {
    purchase: "p1",
    seller: "api.example",
    required,
    send: () => expect.fail("sent"),
    settlementOf: () => undefined,
  };
  const priced = { ...options, microcents: () => cent };
  await expect(payX402(exchange, signer, budget, priced)).rejects.toThrow(/several assets/);
  expect(await books()).toEqual({ spent: 0n, reserved: 0n });
});
