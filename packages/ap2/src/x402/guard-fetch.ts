import { formatDecimal } from "@imprest/core/internal";
import { type PaymentSource, paymentAuthority } from "../authority.ts";
import { AP2GuardError, AP2MandateError } from "../errors.ts";
import { sha256Hex } from "../idempotency-key.ts";
import type { AP2Mandate } from "../mandate.ts";
import { checkMicrocents } from "../microcents.ts";
import type { PaymentOptions, PaymentTerms } from "../options.ts";
import { type OpenPayment, openPayment } from "../with-reservation.ts";
import { usdcMicrocents } from "./dollar-tokens.ts";
import { type X402Requirements, answeredWithinMs, askedFor, atomicOf } from "./requirements.ts";

/** What a server asks for with status 402, version 1 or 2. */
export interface X402Required {
  readonly x402Version: number;
  readonly accepts: readonly X402Requirements[];
}

/** A signed payment, as far as the guard looks at it. */
export interface X402Payload {
  /** Version 2: what was accepted. */
  readonly accepted?: X402Requirements | undefined;
  readonly network?: string | undefined;
  readonly payload?: unknown;
}

type GetHeader = (name: string) => string | null;

/** What the guard needs of `x402HTTPClient` of `@x402/core`, which knows both versions and signs. */
export interface X402HttpClient {
  /** Reads a 402. @throws when it is none. */
  getPaymentRequiredResponse(getHeader: GetHeader, body?: unknown): X402Required;
  /** Chooses among what is accepted, and signs. */
  createPaymentPayload(required: never): Promise<X402Payload>;
  /** The headers of the paid request. */
  encodePaymentSignatureHeader(payload: never): Record<string, string>;
  /** Reads the settlement. @throws when there is none. */
  getPaymentSettleResponse(getHeader: GetHeader): {
    readonly success: boolean;
    readonly transaction: string;
    readonly amount?: string | undefined;
  };
}

/** How the requests of a guarded `fetch` are paid. */
export interface X402FetchOptions extends Omit<PaymentOptions, "tracksCharge"> {
  /** Who pays and for which run. */
  readonly terms: Omit<PaymentTerms, "mandate" | "leg">;
  /**
   * What is bought, by which it is paid once: a request's method, address and body unless told. Who buys the same thing
   * again gives each purchase an id of its own, the same for every repeat of that purchase.
   */
  readonly purchase?: ((request: Request) => string | PromiseLike<string>) | undefined;
  /** What atomic units of an asset are in microcents. USDC on Base is known; without it any other asset is refused. */
  readonly microcents?: ((atomic: bigint, requirements: X402Requirements) => bigint) | undefined;
  /** Called with what a payment came to that could not be settled at once; `recover` brings it to its end. */
  readonly onUnsettled?: ((error: unknown) => void) | undefined;
}

/**
 * A `fetch` that pays what a server asks for with 402, once a purchase and within the budget: it reserves, signs, sends, and
 * commits what the server settled. A payment whose answer is lost, or says no, is held for `recover`: whoever has the signed
 * payload may be paid with it. Its reference for the look-up is the payload's nonce.
 * @returns a function that rejects as `openPayment` does, with nothing signed, and as `fetch` does.
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
  const { terms, purchase = purchaseOf, microcents, onUnsettled = () => {}, ...payment } = options;
  const price = (requirements: X402Requirements): bigint | undefined => {
    const atomic = askedFor(requirements);
    if (atomic === undefined) return undefined;
    const priced = microcents ? microcents(atomic, requirements) : usdcMicrocents(atomic, requirements);
    return priced === undefined ? undefined : checkMicrocents(priced, "The price in microcents");
  };

  const { clock } = paymentAuthority(source, options.records).ledger;

  return async (input, init) => {
    const request = new Request(input, init);
    const paid = request.clone();
    const first = await fetch(request);
    if (first.status !== 402) return first;
    const required = await readRequired(client, first);
    const prices = required.accepts.map(price).filter((one) => one !== undefined);
    if (prices.length === 0)
      throw new AP2MandateError("The server accepts nothing whose price is known; give microcents.");
    // The client chooses when it signs: the dearest that it may choose is reserved.
    const most = prices.reduce((one, other) => (one > other ? one : other));
    const mandate: AP2Mandate = {
      transactionId: await purchase(paid.clone()),
      amountValue: formatDecimal(most, 8),
      currency: "USD",
      payeeWebsite: new URL(paid.url).hostname,
    };
    const { signal } = payment;
    const opened = await openPayment(source, { ...terms, mandate }, { ...payment, signal, tracksCharge: true });
    const signed = await sign(client, required, opened, price);
    await opened.charging({ reference: nonceOf(signed.payload) });
    for (const [name, value] of Object.entries(client.encodePaymentSignatureHeader(signed.payload as never))) {
      paid.headers.set(name, value);
    }
    // A request may hang for longer than its payload is valid: then the payment is held, whatever becomes of the request.
    const late = clock.setTimer(() => void end(opened, onUnsettled), answeredWithinMs(signed.requirements));
    let answer: Response;
    try {
      answer = await fetch(paid);
    } catch (error) {
      await end(opened, onUnsettled);
      throw error;
    } finally {
      late.clear();
    }
    const settled = readSettled(client, answer);
    if (settled !== undefined) {
      const { reference, atomic } = settled;
      const asked = askedFor(signed.requirements) ?? 0n;
      const amount = price({ ...signed.requirements, amount: (atomic ?? asked).toString() });
      await opened.charged({ reference, ...(amount !== undefined && { amount }) }).catch(onUnsettled);
    }
    await end(opened, onUnsettled);
    return answer;
  };
}

/** Signs, and keeps to what was reserved. @throws with the budget given back: the payload never left this process. */
async function sign(
  client: X402HttpClient,
  required: X402Required,
  opened: OpenPayment,
  price: (requirements: X402Requirements) => bigint | undefined,
): Promise<{ readonly payload: X402Payload; readonly requirements: X402Requirements }> {
  try {
    const payload = await client.createPaymentPayload(required as never);
    const { accepted, network } = payload;
    const requirements = accepted ?? required.accepts.find((one) => one.network === network);
    const asked = requirements && price(requirements);
    if (requirements !== undefined && asked !== undefined && asked <= opened.microcents)
      return { payload, requirements };
    throw new AP2MandateError("The client signed for more than was reserved, or for what has no known price.");
  } catch (error) {
    opened.abort("the payment was not sent");
    await opened.finish();
    throw error;
  }
}

/** Commits what was charged; else the payment is held, and whoever listens is told. */
async function end(opened: OpenPayment, onUnsettled: (error: unknown) => void): Promise<void> {
  try {
    await opened[Symbol.asyncDispose]();
  } catch (error) {
    if (!AP2GuardError.isInstance(error)) throw error;
    onUnsettled(error);
  }
}

async function readRequired(client: X402HttpClient, response: Response): Promise<X402Required> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Version 2 has everything in a header.
  }
  return client.getPaymentRequiredResponse((name) => response.headers.get(name), body);
}

function readSettled(
  client: X402HttpClient,
  response: Response,
): { readonly reference: string; readonly atomic: bigint | undefined } | undefined {
  try {
    const { success, transaction, amount } = client.getPaymentSettleResponse((name) => response.headers.get(name));
    return success ? { reference: transaction, atomic: atomicOf(amount) } : undefined;
  } catch {
    return undefined;
  }
}

/** EIP-3009 payloads have a nonce, by which the chain says whether they were used; any other is known by its hash. */
function nonceOf({ payload }: X402Payload): string {
  const { authorization } = (payload ?? {}) as { readonly authorization?: { readonly nonce?: unknown } };
  const nonce = authorization?.nonce;
  return typeof nonce === "string" && nonce !== "" ? nonce : sha256Hex(JSON.stringify(payload ?? null));
}

/** The same request, however often it is made, is one purchase. */
async function purchaseOf(request: Request): Promise<string> {
  return `x402:${sha256Hex(JSON.stringify([request.method, request.url, await request.text()]))}`;
}
