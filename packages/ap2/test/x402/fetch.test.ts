import { type X402FetchOptions, guardX402Fetch, x402V1Client } from "@imprest/ap2/x402";
import { ConfigurationError } from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Break, breaks, cent, encode, failureOf, openBuyer } from "./support.ts";

// Paid requests through the real client of `@x402/core`, over a budget in this process: what the seller settled is what is
// booked, wherever the connection breaks.

async function open(options: Partial<X402FetchOptions> = {}, allocated?: string) {
  const buyer = await openBuyer({ ...(allocated !== undefined && { allocated }) });
  const pay = guardX402Fetch(buyer.seller.fetch, buyer.http, buyer.budget, { ...buyer.options, ...options });
  return { ...buyer, pay };
}

const url = (n: number): string => `https://api.example/weather/${n}`;

it("does not pay another origin that a server redirected to", async () => {
  const { seller, http, budget, options, signed, books } = await open();
  const other = await seller.fetch(new Request(url(1)));
  Object.defineProperties(other, { redirected: { value: true }, url: { value: "https://evil.example/" } });
  const pay = guardX402Fetch(async () => other, http, budget, options);
  expect(await failureOf(pay(url(1)))).toMatchObject({ message: expect.stringContaining("another origin") });
  expect(signed()).toBe(0);
  expect(await books()).toEqual({ spent: 0n, reserved: 0n });
});

describe.each([1, 2])("version %i", (version) => {
  it("five of eight requests are paid from a budget of five cents, and the books say so", async () => {
    const { seller, chain, pay, books } = await open();
    seller.version = version;
    const outcomes: unknown[] = [];
    for (let n = 0; n < 8; n += 1) outcomes.push(await failureOf(pay(url(n)).then((response) => response.status)));
    expect(outcomes.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(outcomes.slice(5)).toMatchObject([{ reasonCode: "BUDGET_EXCEEDED" }, {}, {}]);
    expect(chain.settled.size).toBe(5);
    expect(await books()).toEqual({ spent: 5n * cent, reserved: 0n });
  });

  it("the same request again is the same purchase, at once or later", async () => {
    const { seller, chain, pay, books } = await open();
    seller.version = version;
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => failureOf(pay(url(1)))));
    expect(outcomes.filter((one) => one instanceof Response)).toHaveLength(1);
    expect(await failureOf(pay(url(1)))).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
    expect(chain.settled.size).toBe(1);
    expect(await books()).toEqual({ spent: cent, reserved: 0n });
  });

  it.each(breaks.filter((one) => one !== "none"))(
    "a seller that breaks at %s leaves the payment held, until the chain says what became of it",
    async (where) => {
      const { seller, chain, pay, books, unsettled, recoverAll, asked } = await open();
      seller.version = version;
      seller.breaks = where;
      await failureOf(pay(url(1)));
      expect(unsettled).toMatchObject([{ errorCode: "PSP_OUTCOME_UNKNOWN" }]);
      expect(await books()).toEqual({ spent: 0n, reserved: cent });
      const isSettled = chain.settled.size === 1;
      // A nonce that is not used may be used yet, until the chain's own time has passed it.
      expect(await recoverAll()).toMatchObject(isSettled ? { settled: 1 } : { unresolved: 1 });
      chain.passValidity();
      expect(await recoverAll()).toMatchObject({ unresolved: 0 });
      expect(asked[0]).toMatchObject({ method: "eip3009", payer: "0xbuyer", nonce: "0xn1", microcents: cent });
      expect(asked[0]?.transaction).toBe(where === "settles-late" ? "0xt1" : undefined);
      expect(await books()).toEqual({ spent: chain.total, reserved: 0n });
    },
  );
});

it("an amount of no known price is refused before anything is signed", async () => {
  const { seller, pay, books, signed } = await open();
  seller.amount = "abc";
  await expect(pay(url(1))).rejects.toThrow(/price is known/);
  expect([signed(), await books()]).toEqual([0, { spent: 0n, reserved: 0n }]);
});

it("twice the same thing is bought where each purchase has an id of its own", async () => {
  const { chain, pay, books } = await open({ purchase: (request) => request.headers.get("x-order") ?? "none" });
  await pay(url(1), { headers: { "x-order": "a" } });
  await pay(url(1), { headers: { "x-order": "b" } });
  await failureOf(pay(url(1), { headers: { "x-order": "b" } }));
  expect(chain.settled.size).toBe(2);
  expect(await books()).toEqual({ spent: 2n * cent, reserved: 0n });
});

it("one address under several fragments is one purchase: a fragment is not sent", async () => {
  const { chain, pay, books } = await open();
  for (const fragment of ["", "#a", "#b"]) await failureOf(pay(`${url(1)}${fragment}`));
  expect(chain.settled.size).toBe(1);
  expect(await books()).toEqual({ spent: cent, reserved: 0n });
});

it("a request that carries a payment already is refused: no budget knows of it", async () => {
  const { pay, seller } = await open();
  await expect(pay(url(1), { headers: { "X-PAYMENT": "e30=" } })).rejects.toThrow(ConfigurationError);
  expect(seller.payloads).toEqual([]);
});

it("a 402 that is not of x402 is handed on with its body", async () => {
  const { http, budget, options } = await openBuyer();
  const pay = guardX402Fetch(async () => new Response("pay me", { status: 402 }), http, budget, options);
  expect(await (await pay(url(1))).text()).toBe("pay me");
});

it("a 402 whose body has no end is left to the caller, and no more of it is read than an offer can have", async () => {
  const { http, budget, options, books } = await openBuyer();
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const pay = guardX402Fetch(() => Promise.resolve(new Response(body, { status: 402 })), http, budget, options);
  const answer = await pay("https://shop.example/endless");
  expect(answer.status).toBe(402);
  expect(sent).toBeLessThan(2_000_000);
  await answer.body?.cancel();
  expect(await books()).toEqual({ spent: 0n, reserved: 0n });
});

it("a client of version 1 alone pays with the header that it signed, byte for byte", async () => {
  const { seller, budget, books, options } = await openBuyer();
  seller.version = 1;
  const authorization = { nonce: "0xn1", value: "10000" };
  const signed = ` ${JSON.stringify({ x402Version: 1, scheme: "exact", network: "base-sepolia", payload: { authorization } })}`;
  const header = Buffer.from(signed).toString("base64");
  const sent: (string | null)[] = [];
  const pay = guardX402Fetch(
    (request) => (sent.push(request.headers.get("X-PAYMENT")), seller.fetch(request)),
    x402V1Client(async (version, [first]) => (expect([version, first?.network]).toEqual([1, "base-sepolia"]), header)),
    budget,
    options,
  );
  expect((await pay(url(1))).status).toBe(200);
  expect(sent).toEqual([null, header]);
  expect(await books()).toEqual({ spent: cent, reserved: 0n });
  seller.version = 2;
  // What it cannot read is handed on.
  expect((await pay(url(2))).status).toBe(402);
});

it("a seller that knows payment identifiers gets one, and another once the chain refused the first payment for good", async () => {
  const { seller, pay, chain, recoverAll, books } = await open();
  seller.extensions = { "payment-identifier": { info: { required: true }, schema: {} }, other: { info: {} } };
  const identifiers = () =>
    seller.payloads.map((payload) => (payload as unknown as Payloads).extensions["payment-identifier"]?.info.id);
  await pay(url(1));
  seller.breaks = "refuses";
  await pay(url(2));
  chain.passValidity();
  await recoverAll();
  seller.breaks = "none";
  await pay(url(2));
  const [first, second, third] = identifiers();
  expect(first).toMatch(/^pay_[0-9a-f]{32}$/);
  // The second payload of that purchase is another payment: the first was refused by the chain for good.
  expect(new Set([first, second, third]).size).toBe(3);
  expect(await books()).toEqual({ spent: 2n * cent, reserved: 0n });
});

interface Payloads {
  readonly extensions: Readonly<Record<string, { readonly info: { readonly id?: string } }>>;
}

it.each([
  ["more than was signed", "10001"],
  ["less than was signed", "1"],
  ["nothing", "0"],
  ["no amount", "abc"],
])("a seller that says it settled %s is not believed: the chain is asked", async (_, amount) => {
  const { seller, http, budget, options, books, recoverAll } = await openBuyer();
  const fetch = async (request: Request): Promise<Response> => {
    const answer = await seller.fetch(request);
    if (answer.status !== 200) return answer;
    const settlement = { success: true, transaction: "0xt1", network: "eip155:84532", amount };
    return new Response("sunny", { headers: { "PAYMENT-RESPONSE": encode(settlement) } });
  };
  expect((await guardX402Fetch(fetch, http, budget, options)(url(1))).status).toBe(200);
  expect(await books()).toEqual({ spent: 0n, reserved: cent });
  expect(await recoverAll()).toMatchObject({ settled: 1 });
  expect(await books()).toEqual({ spent: cent, reserved: 0n });
});

it("what the seller settled is what is booked, wherever connections break and whatever is asked again", async () => {
  const step = fc.record({
    n: fc.integer({ min: 1, max: 3 }),
    breaks: fc.constantFrom<Break>(...breaks),
    version: fc.constantFrom(1, 2),
    recovers: fc.boolean(),
    passes: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const { seller, chain, pay, books, recoverAll } = await open({}, "10");
      for (const { n, recovers, passes, ...how } of steps) {
        Object.assign(seller, how);
        await failureOf(pay(url(n)));
        if (passes) chain.passValidity();
        if (recovers) await recoverAll();
      }
      chain.passValidity();
      await recoverAll();
      expect(await books()).toEqual({ spent: chain.total, reserved: 0n });
      // Three purchases were made: none was paid twice.
      expect(chain.settled.size).toBeLessThanOrEqual(3);
    }),
    { numRuns: 100 },
  );
});
