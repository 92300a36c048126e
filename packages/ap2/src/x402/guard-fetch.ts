import { ConfigurationError } from "@imprest/core";
import { readText } from "@imprest/core/internal";
import type { PaymentSource } from "../authority.ts";
import { AP2MandateError } from "../errors.ts";
import {
  type X402HttpClient,
  headersOf,
  paymentHeaders,
  purchaseOf,
  readRequired,
  readSettlement,
} from "./http-client.ts";
import { type X402Options, payX402 } from "./pay-once.ts";

/** How the requests of a guarded `fetch` are paid. */
export type X402FetchOptions = X402Options<Request>;

/**
 * A `fetch` that pays what a server asks for with 402, once a purchase and within the budget: it reserves, signs, sends, and
 * commits what the server settled. A payment whose answer is lost, or says no, is held for `recover`: whoever has the signed
 * payload may be paid with it.
 * @returns a function that rejects as `payX402` does, as `fetch` does, and with a `ConfigurationError` for a request that
 * carries a payment already, or an AP2MandateError for a 402 of another origin than was called.
 * @example
 * const pay = guardX402Fetch(fetch, new x402HTTPClient(client), budget, { terms: { runId: "run_1", tenant: "acme" } });
 * const weather = await pay("https://api.example/weather");
 */
export function guardX402Fetch(
  fetch: (request: Request) => Promise<Response>,
  client: X402HttpClient,
  source: PaymentSource,
  options: X402FetchOptions,
): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  const { purchase = purchaseOfRequest, ...rest } = options;
  return async (input, init) => {
    const request = new Request(input, init);
    if (paymentHeaders.some((name) => request.headers.has(name)))
      throw new ConfigurationError("The request carries an x402 payment, which no budget would know of.");
    const paid = request.clone();
    const first = await fetch(request);
    if (first.status !== 402) return first;
    // What asks for money is not who was called: the payment would be booked under the name of another.
    if (first.redirected && new URL(first.url).origin !== new URL(paid.url).origin)
      throw new AP2MandateError(
        "The server redirected to another origin, which asks to be paid; call that one itself.",
      );
    const required = readRequired(
      client,
      (name) => first.headers.get(name),
      (await readText(first.clone().body, longestOffer)) ?? "",
    );
    if (required === undefined) return first;
    const exchange = {
      purchase: await purchase(paid.clone()),
      seller: new URL(paid.url).hostname,
      required,
      send: (payload: Parameters<typeof headersOf>[1]) => {
        for (const [name, value] of headersOf(client, payload)) paid.headers.set(name, value);
        return fetch(paid);
      },
      settlementOf: (answer: Response) => readSettlement(client, (name) => answer.headers.get(name)),
      signal: paid.signal,
    };
    return payX402(exchange, client, source, rest);
  };
}

/** Bytes; what a seller asks has some kilobytes, and who sends more, or without end, has no say in how much is read. */
const longestOffer = 1_048_576;

async function purchaseOfRequest(request: Request): Promise<string> {
  return purchaseOf(request.method, request.url, await request.text());
}
