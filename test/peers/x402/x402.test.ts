import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { type PaymentSource, recover } from "@imprest/ap2";
import {
  type X402HttpClient,
  type X402Options,
  guardX402Fetch,
  x402LookupCharge,
  x402V1Client,
} from "@imprest/ap2/x402";
import { type X402AxiosInstance, type X402AxiosOptions, guardX402Axios } from "@imprest/ap2/x402/axios";
import { type McpToolCall, guardX402Mcp } from "@imprest/ap2/x402/mcp";
import { memoryRecordStore, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { installed } from "../install.ts";
import { type Cut, CutProxy } from "./cut-proxy.ts";

// x402 offline with the real packages: sellers by their middleware and a facilitator over sockets, which break at every step.
// What the facilitator settled is what is booked here, and no purchase is paid twice.

const here = import.meta.dirname;
const folder = installed(
  JSON.parse(readFileSync(join(here, "versions.json"), "utf8")) as { readonly dependencies: object },
);
const file = join(folder, "node_modules", "x402-stack.mjs");
copyFileSync(join(here, "stack.mjs"), file);
const stack = (await import(pathToFileURL(file).href)) as Stack;

// The middleware reports each broken connection on the console.
beforeAll(() => {
  for (const level of ["error", "warn"] as const) vi.spyOn(console, level).mockImplementation(() => {});
});

/** Something that listens. */
interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

interface Facilitator extends Listening {
  readonly state: {
    readonly settled: ReadonlyMap<string, { readonly atomic: bigint; readonly transaction: string }>;
    readonly identifiers: readonly string[];
    pending: boolean;
    refuses: boolean;
    offsetSeconds: number;
  };
  total(): bigint;
  nowSeconds(): bigint;
}

interface McpClient {
  callTool(call: McpToolCall): Promise<object>;
  close(): Promise<void>;
}

interface Axios {
  create(): X402AxiosInstance & { get(url: string): Promise<unknown> };
  readonly getAdapter: X402AxiosOptions["getAdapter"];
}

interface Buyer {
  readonly client: X402HttpClient;
  readonly http: X402HttpClient;
  readonly account: object;
  readonly signV1: Parameters<typeof x402V1Client>[0];
}

interface Stack {
  readonly axios: Axios;
  readonly wrappers: {
    readonly wrapFetchV1: (fetch: object, account: object) => (url: string) => Promise<unknown>;
    readonly wrapFetchWithPayment: (fetch: object, client: object) => (url: string) => Promise<unknown>;
    readonly withPaymentInterceptor: (axios: object, account: object) => { get(url: string): Promise<unknown> };
    readonly wrapAxiosWithPayment: (axios: object, client: object) => { get(url: string): Promise<unknown> };
  };
  startFacilitator(): Promise<Facilitator>;
  startSeller(version: number, facilitatorUrl: string): Promise<Listening>;
  startMcpSeller(facilitatorUrl: string): Promise<Listening>;
  createBuyer(): Promise<Buyer>;
  connectMcp(url: string): Promise<McpClient>;
}

type X402Terms = Omit<X402Options<never>, "purchase">;

/** How a buyer reaches a seller: one purchase by its number. */
interface Transport {
  readonly name: string;
  readonly start: (facilitatorUrl: string) => Promise<Listening>;
  readonly buy: (url: string, buyer: Buyer, source: PaymentSource, options: X402Terms, n: number) => Promise<unknown>;
}

const seller = (version: number) => (facilitatorUrl: string) => stack.startSeller(version, facilitatorUrl);
const clients: Readonly<Record<string, (buyer: Buyer) => X402HttpClient>> = {
  "@x402/core": ({ http }) => http,
  x402: ({ signV1 }) => x402V1Client(signV1),
};

function overFetch(version: number, client: string): Transport {
  return {
    name: `fetch, version ${version}, signed by ${client}`,
    start: seller(version),
    buy: async (url, buyer, source, options, n) => {
      const pay = guardX402Fetch(fetch, clients[client]?.(buyer) as X402HttpClient, source, options);
      return (await pay(`${url}/weather/${n}`)).text();
    },
  };
}

function overAxios(version: number, client: string): Transport {
  return {
    name: `axios, version ${version}, signed by ${client}`,
    start: seller(version),
    buy: (url, buyer, source, options, n) => {
      const { getAdapter } = stack.axios;
      const http = clients[client]?.(buyer) as X402HttpClient;
      return guardX402Axios(stack.axios.create(), http, source, { ...options, getAdapter }).get(`${url}/weather/${n}`);
    },
  };
}

const overMcp: Transport = {
  name: "MCP, version 2, signed by @x402/core",
  start: (facilitatorUrl) => stack.startMcpSeller(facilitatorUrl),
  buy: async (url, { client }, source, options, n) => {
    const mcp = await stack.connectMcp(url);
    try {
      const callTool = (call: McpToolCall) => mcp.callTool(call);
      const pay = guardX402Mcp(callTool, client, source, { ...options, seller: "mcp", purchase: () => `weather ${n}` });
      return await pay({ name: "weather", arguments: {} });
    } finally {
      await mcp.close();
    }
  },
};

const transports = [
  overFetch(2, "@x402/core"),
  overFetch(1, "x402"),
  overAxios(2, "@x402/core"),
  overAxios(1, "x402"),
  overMcp,
];

/** A budget and its books, a facilitator, a seller, and what breaks between them. */
async function open({ start, buy }: Transport, allocated = "0.05") {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd(allocated) });
  const records = memoryRecordStore();
  const facilitator = await stack.startFacilitator();
  const toFacilitator = await CutProxy.to(facilitator.url);
  const shop = await start(toFacilitator.url);
  const toShop = await CutProxy.to(shop.url);
  const buyer = await stack.createBuyer();
  const worker = () => embedded.authority({ tenant: "acme", records });
  const budget = worker();
  const options = { terms: { runId: "run_1", tenant: "acme" } };
  const books = async () => {
    const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
    return { spent, reserved };
  };
  const lookupCharge = x402LookupCharge(async ({ nonce }) => {
    const found = facilitator.state.settled.get(nonce);
    return { used: found !== undefined, blockSeconds: facilitator.nowSeconds(), transaction: found?.transaction };
  });
  return {
    facilitator,
    toFacilitator,
    toShop,
    books,
    buyer,
    options,
    budget,
    buy: (n: number) =>
      buy(toShop.url, buyer, budget, options, n).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      ),
    recoverAll: () => recover(worker(), { lookupCharge }),
    /** From here on the chain refuses what was signed before. */
    passValidity: () => void (facilitator.state.offsetSeconds = 86_400),
    async close() {
      for (const one of [toShop, shop, toFacilitator, facilitator]) await one.close();
      await embedded.close();
    },
  };
}

type Opened = Awaited<ReturnType<typeof open>>;

describe.each(transports)("$name", (transport) => {
  it("pays from its budget until that is used up, and books what was settled", async () => {
    const opened = await open(transport, "0.03");
    const outcomes: object[] = [];
    for (let n = 0; n < 4; n += 1) outcomes.push(await opened.buy(n));
    expect(outcomes.map((one) => "value" in one)).toEqual([true, true, true, false]);
    expect(outcomes[3]).toMatchObject({ error: { reasonCode: "BUDGET_EXCEEDED" } });
    expect(opened.facilitator.state.settled.size).toBe(3);
    expect(await opened.books()).toEqual({ spent: 3_000_000n, reserved: 0n });
    await opened.close();
  });

  it("books what was settled wherever a connection is cut, and the purchase again is never a second payment", async () => {
    const problems: string[] = [];
    let cuts = 0;
    const check = async (place: "toShop" | "toFacilitator", cut: Cut): Promise<void> => {
      const opened = await open(transport);
      const { facilitator } = opened;
      opened[place].restart(cut);
      await opened.buy(1);
      if (opened[place].cut === undefined) cuts += 1;
      opened[place].restart();
      await opened.recoverAll();
      // A request whose connection is gone may still be settled.
      await pause(50);
      opened.passValidity();
      await opened.recoverAll();
      const after = await opened.books();
      if (after.spent !== facilitator.total() || after.reserved !== 0n)
        problems.push(
          `${place} ${JSON.stringify(cut)}: settled ${facilitator.total()}, ${after.spent} booked, ${after.reserved} held`,
        );
      facilitator.state.offsetSeconds = 0;
      await opened.buy(1);
      const { spent } = await opened.books();
      if (facilitator.state.settled.size !== 1 || spent !== 1_000_000n)
        problems.push(
          `${place} ${JSON.stringify(cut)}: again, settled ${facilitator.state.settled.size}, ${spent} booked`,
        );
      await opened.close();
    };
    const clean = await open(transport);
    clean.toShop.restart();
    clean.toFacilitator.restart();
    await clean.buy(1);
    const places = { toShop: { ...clean.toShop.pieces }, toFacilitator: { ...clean.toFacilitator.pieces } };
    await clean.close();
    for (const place of ["toShop", "toFacilitator"] as const)
      for (const direction of ["up", "down"] as const)
        for (let piece = 1; piece <= places[place][direction]; piece += 1)
          for (const arrives of [false, true]) await check(place, { direction, piece, arrives });
    expect(problems).toEqual([]);
    // Two requests of each, answered.
    expect(cuts).toBeGreaterThanOrEqual(12);
  }, 120_000);

  it.each(["pending", "refuses"] as const)(
    "a settlement that the facilitator leaves %s is held, and the chain decides",
    async (how) => {
      const opened = await open(transport);
      opened.facilitator.state[how] = true;
      await opened.buy(1);
      expect(await opened.books()).toEqual({ spent: 0n, reserved: 1_000_000n });
      opened.passValidity();
      await opened.recoverAll();
      expect(await opened.books()).toEqual({ spent: opened.facilitator.total(), reserved: 0n });
      await opened.close();
    },
  );
});

it("a seller that wants a payment identifier gets one for each purchase", async () => {
  const opened = await open(overFetch(2, "@x402/core"));
  await opened.buy(1);
  await opened.buy(2);
  const [first, second, ...more] = opened.facilitator.state.identifiers;
  expect([first, second]).toEqual([expect.stringMatching(/^pay_/), expect.stringMatching(/^pay_/)]);
  expect([first === second, more]).toEqual([false, []]);
  await opened.close();
});

/** Asks once, through a package's own wrapper around a guarded client. */
type WrappedCall = (opened: Opened, url: string) => Promise<unknown>;

describe("a payment that is held is not paid a second time by a wrapper around the guarded client", () => {
  const { wrapFetchV1, wrapFetchWithPayment, withPaymentInterceptor, wrapAxiosWithPayment } = stack.wrappers;
  const { getAdapter } = stack.axios;
  const guardedFetch = ({ buyer, budget, options }: Opened, client: string) =>
    guardX402Fetch(fetch, clients[client]?.(buyer) as X402HttpClient, budget, options);
  const guardedAxios = ({ buyer, budget, options }: Opened, client: string) => {
    const http = clients[client]?.(buyer) as X402HttpClient;
    return guardX402Axios(stack.axios.create(), http, budget, { ...options, getAdapter });
  };

  // Version 1 asks again with its refusal, and the guard refuses the second payment; version 2 asks for nothing then.
  const refusal = { 1: /carries an x402 payment/, 2: /Invalid payment required response/ };

  it.each<[string, Transport, RegExp, WrappedCall]>([
    [
      "x402-fetch",
      overFetch(1, "x402"),
      refusal[1],
      (opened, url) => wrapFetchV1(guardedFetch(opened, "x402"), opened.buyer.account)(url),
    ],
    [
      "@x402/fetch",
      overFetch(2, "@x402/core"),
      refusal[2],
      (opened, url) => wrapFetchWithPayment(guardedFetch(opened, "@x402/core"), opened.buyer.client)(url),
    ],
    [
      "x402-axios",
      overAxios(1, "x402"),
      refusal[1],
      (opened, url) => withPaymentInterceptor(guardedAxios(opened, "x402"), opened.buyer.account).get(url),
    ],
    [
      "@x402/axios",
      overAxios(2, "@x402/core"),
      refusal[2],
      (opened, url) => wrapAxiosWithPayment(guardedAxios(opened, "@x402/core"), opened.buyer.client).get(url),
    ],
  ])("of %s", async (_, transport, message, call) => {
    const opened: Opened = await open(transport);
    opened.facilitator.state.refuses = true;
    await expect(call(opened, `${opened.toShop.url}/weather/1`)).rejects.toThrow(message);
    expect(await opened.books()).toEqual({ spent: 0n, reserved: 1_000_000n });
    await opened.close();
  });
});
