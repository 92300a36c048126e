import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { guardX402Axios } from "@imprest/ap2/x402/axios";
import axios from "axios";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Break, type Seller, breaks, cent, failureOf, openBuyer } from "./support.ts";

// Over a real socket, by both of axios' adapters: what the seller settled is what is booked.

const { getAdapter } = axios;
let seller: Seller;
let requests = 0;
const server = createServer((request, response) => {
  void (async () => {
    requests += 1;
    const body = await new Response(Readable.toWeb(request) as ReadableStream).text();
    try {
      const headers = new Headers(request.headers as Record<string, string>);
      const answer = await seller.fetch(new Request(`http://seller${request.url}`, { headers }));
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(answer.ok ? `${await answer.text()} ${body}` : await answer.text());
    } catch {
      request.socket.destroy();
    }
  })();
});
let url = "";

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/weather`;
});
afterAll(() => void server.close());

async function open(adapter: "http" | "fetch", version = 2, how: Break = "none") {
  const buyer = await openBuyer();
  seller = buyer.seller;
  Object.assign(seller, { version, breaks: how });
  requests = 0;
  const api = guardX402Axios(axios.create({ adapter }), buyer.http, buyer.budget, { ...buyer.options, getAdapter });
  return { ...buyer, api };
}

describe.each(["http", "fetch"] as const)("axios over %s", (adapter) => {
  it.each([1, 2])("pays a seller of version %i from its budget until that is used up", async (version) => {
    const { api, chain, books } = await open(adapter, version);
    const outcomes: unknown[] = [];
    for (let n = 0; n < 6; n += 1)
      outcomes.push(await failureOf(api.post(url, { n }).then(({ data }) => data as unknown)));
    expect(outcomes.slice(0, 5)).toEqual([0, 1, 2, 3, 4].map((n) => `sunny {"n":${n}}`));
    expect(outcomes[5]).toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
    expect(chain.settled.size).toBe(5);
    expect(await books()).toEqual({ spent: 5n * cent, reserved: 0n });
  });

  it.each(breaks)("books what was settled when the seller breaks at %s, once the chain says so", async (where) => {
    const { api, chain, books, recoverAll } = await open(adapter, 2, where);
    await failureOf(api.get(url));
    await recoverAll();
    chain.passValidity();
    await recoverAll();
    expect(await books()).toEqual({ spent: chain.total, reserved: 0n });
  });

  it("an interceptor that repeats a request repeats the purchase, which is not paid again", async () => {
    const { api, chain, books, recoverAll } = await open(adapter, 2, "after-settling");
    let repeats = 0;
    api.interceptors.response.use(undefined, (error: { readonly config?: object }) => {
      if (error.config === undefined || (repeats += 1) > 3) throw error;
      return api.request(error.config);
    });
    expect(await failureOf(api.get(url))).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
    expect(repeats).toBeGreaterThan(0);
    await recoverAll();
    expect(chain.settled.size).toBe(1);
    expect(await books()).toEqual({ spent: cent, reserved: 0n });
  });

  it("a status that is refused is still the request's error, and what it settled is booked", async () => {
    const { api, http, budget, options, books } = await open(adapter);
    const strict = guardX402Axios(axios.create({ adapter, validateStatus: (status) => status === 201 }), http, budget, {
      ...options,
      getAdapter,
    });
    await expect(strict.get(url)).rejects.toMatchObject({ response: { status: 200 } });
    expect(await books()).toEqual({ spent: cent, reserved: 0n });
    // The same request by another instance is the same purchase.
    expect(await failureOf(api.get(url))).toMatchObject({ code: "ERR_AP2_ALREADY_CONSUMED" });
  });
});

it("a body that is a stream is refused before anything is reserved: the paid request would be empty", async () => {
  const { api, books, signed } = await open("http");
  await expect(api.post(url, Readable.from(["a"]))).rejects.toThrow(/read once/);
  expect([signed(), await books()]).toEqual([0, { spent: 0n, reserved: 0n }]);
});

it("a request that carries a payment already is refused, and not sent", async () => {
  const { api } = await open("http");
  await expect(api.get(url, { headers: { "payment-signature": "e30=" } })).rejects.toThrow(/carries an x402 payment/);
  expect(requests).toBe(0);
});
