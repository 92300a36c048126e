import type { CyclesSource } from "@imprest/cycles";
import { AP2GuardError } from "../errors.ts";
import type { PaymentOptions, PaymentTerms } from "../options.ts";
import { type OpenPayment, openPayment } from "../with-reservation.ts";

/** What a server asks to be paid (x402 v2 `PaymentRequirements`), as far as the guard looks at it. */
export interface X402Requirements {
  readonly network: string;
  readonly asset: string;
  /** Atomic units of the asset. */
  readonly amount: string;
  readonly payTo: string;
}

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

/**
 * Guards every payment of an x402 client: reserves before it signs, counts the signed payload as a charge that may happen,
 * and settles by the server's answer. A denial, and a mandate that was used, abort the payment with their reason.
 */
export function guardX402(client: X402Client, source: CyclesSource, options: X402GuardOptions): void {
  const { terms, microcents, onUnsettled = () => {}, ...payment } = options;
  const opening = new WeakMap<object, OpenPayment>();
  const sent = new WeakMap<object, OpenPayment>();

  client.onBeforePaymentCreation(async (context) => {
    const { selectedRequirements: requirements } = context;
    try {
      const opened = await openPayment(source, await terms(context), { ...payment, tracksCharge: true });
      opening.set(requirements, opened);
      const asked = microcents(BigInt(requirements.amount), requirements);
      if (asked <= opened.microcents) return undefined;
      await giveUp(opening, requirements, "the server asks for more than the mandate allows");
      return { abort: true, reason: "The server asks for more than the mandate allows." };
    } catch (error) {
      if (AP2GuardError.isInstance(error)) return { abort: true, reason: error.message };
      throw error;
    }
  });

  client.onAfterPaymentCreation(async ({ selectedRequirements: requirements, paymentPayload }) => {
    const opened = opening.get(requirements);
    if (opened === undefined) return;
    // Whoever holds the signed payload can be paid with it.
    await opened.charging();
    opening.delete(requirements);
    sent.set(paymentPayload, opened);
  });

  client.onPaymentCreationFailure(async ({ selectedRequirements: requirements }) => {
    await giveUp(opening, requirements, "the payment was not created");
  });

  client.onPaymentResponse(async ({ paymentPayload, requirements, settleResponse }) => {
    const opened = sent.get(paymentPayload);
    if (opened === undefined) return;
    sent.delete(paymentPayload);
    try {
      if (settleResponse?.success) {
        const { transaction, amount = requirements.amount } = settleResponse;
        await opened.charged({ reference: transaction, amount: microcents(BigInt(amount), requirements) });
        await opened.finish();
      } else {
        // A server that reports a failure may have settled all the same: the chain knows, and `recover` asks it.
        await opened[Symbol.asyncDispose]();
      }
    } catch (error) {
      if (!AP2GuardError.isInstance(error)) throw error;
      onUnsettled(error);
    }
  });
}

/** Ends a payment whose payload never left. */
async function giveUp(opening: WeakMap<object, OpenPayment>, requirements: object, reason: string): Promise<void> {
  const opened = opening.get(requirements);
  opening.delete(requirements);
  opened?.abort(reason);
  await opened?.finish();
}
