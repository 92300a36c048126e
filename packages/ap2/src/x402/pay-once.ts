import { formatDecimal } from "@imprest/core/internal";
import { type PaymentSource, paymentAuthority } from "../authority.ts";
import { AP2MandateError } from "../errors.ts";
import { checkMicrocents } from "../microcents.ts";
import type { PaymentOptions, PaymentTerms } from "../options.ts";
import { reconcile } from "../recover.ts";
import { type OpenPayment, openPayment } from "../with-reservation.ts";
import { usdcMicrocents } from "./dollar-tokens.ts";
import { withPaymentIdentifier } from "./payment-identifier.ts";
import {
  type X402Payload,
  type X402Required,
  type X402Requirements,
  type X402Settlement,
  answeredWithinMs,
  askedFor,
  atomicOf,
} from "./requirements.ts";
import { type X402Sent, sentOf, signedFor, writeSent } from "./sent-payment.ts";

/** What chooses among what a server accepts, and signs: an `x402Client` or `x402HTTPClient` of `@x402/core`. */
export interface X402Signer {
  /** Signs a payment for one of the offers. */
  createPaymentPayload(required: never): Promise<X402Payload>;
}

/** How the requests of a guarded client are paid. */
export interface X402Options<Request> extends Omit<PaymentOptions, "tracksCharge" | "signal"> {
  /** Who pays and for which run. */
  readonly terms: Omit<PaymentTerms, "mandate" | "leg">;
  /**
   * What is bought, by which it is paid once: by default the request itself. Who buys the same thing again gives each
   * purchase an id of its own, the same for every repeat of that purchase; an id that is new for every request lets a repeat
   * pay again.
   */
  readonly purchase?: ((request: Request) => string | PromiseLike<string>) | undefined;
  /** What atomic units of an asset are in microcents. USDC is known; without it any other asset is refused. */
  readonly microcents?: ((atomic: bigint, requirements: X402Requirements) => bigint) | undefined;
  /** Called with what a payment came to that could not be settled at once; `recover` brings it to its end. */
  readonly onUnsettled?: ((error: unknown) => void) | undefined;
}

/** Atomic units in microcents; `undefined` for what has no known price. */
type Price = (requirements: X402Requirements, atomic: bigint | undefined) => bigint | undefined;

/** One request that is paid, over whichever transport. */
export interface X402Exchange<Answer> {
  /** What is bought, by which it is paid once. */
  readonly purchase: string;
  /** Who sells: a host, or the name of a server. */
  readonly seller: string;
  readonly required: X402Required;
  /** Sends the request with its payment; called once at most. */
  readonly send: (payload: X402Payload) => PromiseLike<Answer>;
  /** What the answer says was settled. */
  readonly settlementOf: (answer: Answer) => X402Settlement | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Pays one purchase, over any transport: reserves the dearest price that the client may choose, signs, sends, and commits what
 * the server settled. Whoever has the signed payload can be paid with it, so an answer that is lost, says no, or says nothing
 * leaves the payment held for `recover`, and so does one that is not there when the payload is no longer valid.
 * @throws as `openPayment`, what the signer throws, and AP2MandateError for what has no known price, each with nothing sent and
 * nothing held; what `send` throws.
 * @example
 * const answer = await payX402({ purchase, seller, required, send, settlementOf }, x402Client, budget, { terms });
 */
export async function payX402<Answer>(
  { purchase, seller, required, send, settlementOf, signal }: X402Exchange<Answer>,
  signer: X402Signer,
  source: PaymentSource,
  options: Omit<X402Options<never>, "purchase">,
): Promise<Answer> {
  const { terms, microcents, onUnsettled: _, ...payment } = options;
  const price: Price = (requirements, atomic) => {
    if (atomic === undefined) return undefined;
    const priced = microcents ? microcents(atomic, requirements) : usdcMicrocents(atomic, requirements);
    return priced === undefined ? undefined : checkMicrocents(priced, "The price in microcents");
  };
  const prices = required.accepts.map((one) => price(one, askedFor(one))).filter((one) => one !== undefined);
  if (prices.length === 0)
    throw new AP2MandateError("The server accepts nothing whose price is known; give microcents.");
  // The client chooses when it signs: the dearest that it may choose is reserved.
  const most = prices.reduce((one, other) => (one > other ? one : other));
  const mandate = {
    transactionId: purchase,
    amountValue: formatDecimal(most, 8),
    currency: "USD",
    payeeWebsite: seller,
  };
  const opened = await openPayment(source, { ...terms, mandate }, { ...payment, signal, tracksCharge: true });
  const { payload, requirements, sent } = await sign(signer, required, opened, price);

  const ending = new Ending(source, opened, options);
  const { clock } = paymentAuthority(source, options.records).ledger;
  const late = clock.setTimer(() => void ending.hold(), answeredWithinMs(requirements));
  let answer: Answer;
  try {
    answer = await send(payload);
  } catch (error) {
    await ending.hold();
    throw error;
  } finally {
    late.clear();
  }
  const settlement = ending.said(() => settlementOf(answer));
  if (settlement === undefined) await ending.hold();
  else await ending.settle(sent, settlement, () => price(requirements, atomicOf(settlement.amount)));
  return answer;
}

/** Signs, and keeps to what was reserved. @throws with the budget given back: the payload never left this process. */
async function sign(
  signer: X402Signer,
  required: X402Required,
  opened: OpenPayment,
  price: Price,
): Promise<{ readonly payload: X402Payload; readonly requirements: X402Requirements; readonly sent: X402Sent }> {
  try {
    const asked = await withPaymentIdentifier(required, opened.pspIdempotencyKey);
    const payload = await signer.createPaymentPayload(asked as never);
    const requirements = payload.accepted ?? acceptedIn(required, payload, price);
    const signed = requirements && price(requirements, signedFor(payload) ?? askedFor(requirements));
    if (requirements === undefined || signed === undefined || signed > opened.microcents)
      throw new AP2MandateError("The client signed for more than was reserved, or for what has no known price.");
    const sent = await sentOf(payload, requirements, signed);
    await opened.charging({ reference: writeSent(sent) });
    return { payload, requirements, sent };
  } catch (error) {
    opened.abort("the payment was not sent");
    await opened.finish();
    throw error;
  }
}

/**
 * Version 1 does not say which of the accepted was signed: of those that it can be, the one of the highest price is taken.
 * @throws AP2MandateError where they are of several assets: the chain would be asked of a contract that was perhaps not paid.
 */
function acceptedIn({ accepts }: X402Required, payload: X402Payload, price: Price): X402Requirements | undefined {
  const value = signedFor(payload);
  const possible = accepts.filter(
    (one) =>
      one.network === payload.network &&
      one.scheme === payload.scheme &&
      (value === undefined || askedFor(one) === value),
  );
  if (new Set(possible.map(({ asset }) => asset.toLowerCase())).size > 1)
    throw new AP2MandateError(
      "The signed payment may be of several assets; let the client choose among offers of one.",
    );
  const priceOf = (one: X402Requirements): bigint => price(one, value ?? askedFor(one)) ?? 0n;
  const dearer = (one: X402Requirements, other: X402Requirements): X402Requirements =>
    priceOf(other) > priceOf(one) ? other : one;
  return possible.length === 0 ? undefined : possible.reduce(dearer);
}

/** In characters. The longest hash of a chain in use has 88; the seller writes it, and a longer one would not fit a commit. */
const longestTransaction = 256;

/** The end of a payment whose payload was sent: an answer is handed on whatever fails here. */
class Ending {
  readonly #source: PaymentSource;
  readonly #opened: OpenPayment;
  readonly #options: Pick<X402Options<never>, "onUnsettled" | "records">;
  #ended: Promise<void> | undefined;

  constructor(
    source: PaymentSource,
    opened: OpenPayment,
    options: Pick<X402Options<never>, "onUnsettled" | "records">,
  ) {
    this.#source = source;
    this.#opened = opened;
    this.#options = options;
  }

  /** Leaves the payment to `recover`. @param sent noted first, when the server said more of what the chain is to be asked by. */
  hold(sent?: X402Sent): Promise<void> {
    return (this.#ended ??= this.#end(async () => {
      if (sent?.transaction) await this.#opened.charging({ reference: writeSent(sent) });
    }));
  }

  /** @param settled what was settled in microcents, where the server says that it was not what was signed. */
  async settle(
    sent: X402Sent,
    { success, transaction: stated, amount }: X402Settlement,
    settled: () => bigint | undefined,
  ): Promise<void> {
    const transaction = stated.length > longestTransaction ? "" : stated;
    const charged = success ? (amount === undefined ? sent.microcents : this.said(settled)) : undefined;
    // A success of no known amount, or of another than was signed, is a word against the chain's: the chain is asked.
    if (charged !== sent.microcents) return this.hold({ ...sent, transaction });
    const charge = { reference: transaction || sent.nonce, amount: charged };
    if (this.#ended === undefined) return (this.#ended = this.#end(() => this.#opened.charged(charge)));
    // It was held when its time was over, and the answer came after all.
    await this.#ended;
    try {
      const lookupCharge = () => ({ status: "charged", ...charge }) as const;
      await reconcile(this.#source, this.#opened, { records: this.#options.records, lookupCharge });
    } catch (error) {
      this.#tell(error);
    }
  }

  async #end(note: () => Promise<void>): Promise<void> {
    for (const step of [note, () => this.#opened[Symbol.asyncDispose]()]) {
      try {
        await step();
      } catch (error) {
        this.#tell(error);
      }
    }
  }

  /** What an answer says; one that cannot be read says nothing. */
  said<Said>(read: () => Said | undefined): Said | undefined {
    try {
      return read();
    } catch (error) {
      this.#tell(error);
      return undefined;
    }
  }

  #tell(error: unknown): void {
    try {
      this.#options.onUnsettled?.(error);
    } catch {
      // A listener that throws must not take the paid answer from its caller.
    }
  }
}
