/** What a server asks to be paid (x402 `PaymentRequirements`, version 1 or 2), as far as the guard looks at it. */
export interface X402Requirements {
  readonly network: string;
  readonly asset: string;
  /** Atomic units of the asset; in version 1 of the protocol it is called `maxAmountRequired`. */
  readonly amount?: string | undefined;
  readonly maxAmountRequired?: string | undefined;
  readonly payTo: string;
  /** How long a signed payload may be settled. */
  readonly maxTimeoutSeconds?: number | undefined;
}

/** Atomic units as both versions of the protocol write them: a decimal of digits alone. */
export function atomicOf(amount: unknown): bigint | undefined {
  return typeof amount === "string" && /^\d{1,78}$/.test(amount) ? BigInt(amount) : undefined;
}

/** What is asked for, under the name of either version. */
export function askedFor({ amount, maxAmountRequired }: X402Requirements): bigint | undefined {
  return atomicOf(amount ?? maxAmountRequired);
}

/** What a signed payload is given beyond its own validity, for an answer that is on its way. */
const marginMs = 60_000;
/** A payload that is valid for longer is not waited for any longer; `recover` asks the chain. */
const longestMs = 600_000;

/** How long a signed payload is waited for, in milliseconds. */
export function answeredWithinMs({ maxTimeoutSeconds = 60 }: X402Requirements): number {
  return Math.min(maxTimeoutSeconds * 1_000 + marginMs, longestMs);
}
