import type { Clock, Timer } from "@imprest/core";
import { type PaymentSource, paymentAuthority } from "../authority.ts";
import { AP2GuardError } from "../errors.ts";
import { type X402Requirements, answeredWithinMs, askedFor, atomicOf } from "./requirements.ts";
import { checkMicrocents } from "../microcents.ts";
import type { PaymentOptions, PaymentTerms } from "../options.ts";
import { type OpenPayment, openPayment } from "../with-reservation.ts";

/** What the client tells its hooks before and after it signs. */
export interface X402Context {
  readonly selectedRequirements: X402Requirements;
  readonly paymentRequired: object;
}

/** What the client tells its hook when the paid request has an answer, or failed. */
export interface X402Response {
  readonly paymentPayload: object;
  readonly requirements: X402Requirements;
  readonly settleResponse?:
    | { readonly success: boolean; readonly transaction: string; readonly amount?: string | undefined }
    | undefined;
  readonly error?: Error | undefined;
}

/** The hooks of a client of `@x402/core`; an `x402Client` is one. */
export interface X402Client {
  /** Its hook is called before a payment is signed; an `abort` keeps it from being made. */
  onBeforePaymentCreation(hook: (context: X402Context) => Promise<void | { abort: true; reason: string }>): unknown;
  /** Its hook is called with a payment that was signed and is not yet sent. */
  onAfterPaymentCreation(hook: (context: X402Context & { readonly paymentPayload: object }) => Promise<void>): unknown;
  /** Its hook is called when a payment could not be signed: nothing was spent. */
  onPaymentCreationFailure(hook: (context: X402Context & { readonly error: Error }) => Promise<void>): unknown;
  /** Its hook is called with the answer to a request that carried a payment. */
  onPaymentResponse(hook: (context: X402Response) => Promise<void>): unknown;
}

/** How payments of an x402 client are reserved and written down. */
export interface X402GuardOptions extends Omit<PaymentOptions, "tracksCharge"> {
  /** The payment that a request for payment stands for: its mandate names what may be paid only once. */
  readonly terms: (context: X402Context) => PaymentTerms | PromiseLike<PaymentTerms>;
  /** What atomic units of an asset are in microcents: of a dollar token with six decimals, a hundred for each. */
  readonly microcents: (atomic: bigint, requirements: X402Requirements) => bigint;
  /** Told what a payment came to that could not be settled at once; `recover` brings it to its end. */
  readonly onUnsettled?: ((error: unknown) => void) | undefined;
}

/** How long a payment may take from its reserve to its signature, in milliseconds. */
const signingMs = 60_000;
/**
 * Guards every payment of an x402 client: reserves before it signs, counts the signed payload as a charge that may happen,
 * and settles by the server's answer. A denial, and a mandate that was used, abort the payment with their reason. A payment
 * that is not signed within a minute (another hook threw or aborted) is given back; one that is signed and has no answer
 * when its payload is no longer valid is held, for `recover` to ask the chain.
 */
export function guardX402(client: X402Client, source: PaymentSource, options: X402GuardOptions): void {
  const { terms, microcents, onUnsettled = () => {}, ...payment } = options;
  const { clock } = paymentAuthority(source, options.records).ledger;
  const opening = new PendingPayments(clock);
  const sent = new PendingPayments(clock);

  /** What is still open when this ends is held, and whoever asked for it is told why. */
  const hold = async (opened: OpenPayment): Promise<void> => {
    try {
      await opened[Symbol.asyncDispose]();
    } catch (error) {
      onUnsettled(error);
    }
  };

  client.onBeforePaymentCreation(async (context) => {
    const { selectedRequirements: requirements } = context;
    const atomic = askedFor(requirements);
    if (atomic === undefined) return { abort: true, reason: "The server asks for an amount that is no whole number." };
    try {
      // Priced before anything is claimed: what cannot be priced must not hold the mandate.
      const asked = checkMicrocents(microcents(atomic, requirements), "The price in microcents");
      const opened = await openPayment(source, await terms(context), { ...payment, tracksCharge: true });
      if (asked > opened.microcents) {
        await giveUp(opened, "the server asks for more than the mandate allows");
        return { abort: true, reason: "The server asks for more than the mandate allows." };
      }
      opening.add(requirements, opened, signingMs, () =>
        giveUp(opened, "the payment was not signed").catch(onUnsettled),
      );
      return undefined;
    } catch (error) {
      if (AP2GuardError.isInstance(error)) return { abort: true, reason: error.message };
      throw error;
    }
  });

  client.onAfterPaymentCreation(async ({ selectedRequirements: requirements, paymentPayload }) => {
    const opened = opening.take(requirements);
    if (opened === undefined) return;
    // Whoever holds the signed payload can be paid with it.
    await opened.charging();
    sent.add(paymentPayload, opened, answeredWithinMs(requirements), () => hold(opened));
  });

  client.onPaymentCreationFailure(async ({ selectedRequirements: requirements }) => {
    const opened = opening.take(requirements);
    if (opened) await giveUp(opened, "the payment was not created");
  });

  client.onPaymentResponse(async ({ paymentPayload, requirements, settleResponse }) => {
    const opened = sent.take(paymentPayload);
    if (opened === undefined) return;
    const { success, amount } = settleResponse ?? {};
    const settled = success !== true ? undefined : amount === undefined ? askedFor(requirements) : atomicOf(amount);
    // A server that reports a failure, or a success of no known amount, may have settled: the chain knows.
    if (settleResponse === undefined || settled === undefined) return hold(opened);
    try {
      await opened.charged({ reference: settleResponse.transaction, amount: microcents(settled, requirements) });
      await opened.finish();
    } catch (error) {
      // Nobody else ends this payment: what is not settled must not stay alive for the life of the process.
      await Promise.resolve(opened[Symbol.asyncDispose]()).catch(() => {});
      if (!AP2GuardError.isInstance(error)) throw error;
      onUnsettled(error);
    }
  });
}

/** Payments that wait for the client's next hook, by what it will be called with: one object may stand for several. */
class PendingPayments {
  readonly #clock: Clock;
  readonly #waiting = new WeakMap<object, { readonly opened: OpenPayment; readonly timer: Timer }[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `onLate` is called when nobody has taken the payment for `forMs` milliseconds. */
  add(key: object, opened: OpenPayment, forMs: number, onLate: () => Promise<void>): void {
    const waiting = this.#waiting.get(key) ?? [];
    const late = (): void => {
      waiting.splice(waiting.indexOf(entry), 1);
      void onLate();
    };
    const entry = { opened, timer: this.#clock.setTimer(late, forMs) };
    waiting.push(entry);
    this.#waiting.set(key, waiting);
  }

  /** The one that has waited longest. */
  take(key: object): OpenPayment | undefined {
    const entry = this.#waiting.get(key)?.shift();
    entry?.timer.clear();
    return entry?.opened;
  }
}

/** Ends a payment whose payload never left. */
async function giveUp(opened: OpenPayment, reason: string): Promise<void> {
  opened.abort(reason);
  await opened.finish();
}
