/** What a server asks to be paid (x402 `PaymentRequirements`, version 1 or 2), as far as the guard looks at it. */
export interface X402Requirements {
  readonly scheme?: string | undefined;
  /** A name (`base`, version 1) or CAIP-2 (`eip155:8453`, version 2). */
  readonly network: string;
  readonly asset: string;
  /** Atomic units of the asset; in version 1 of the protocol it is called `maxAmountRequired`. */
  readonly amount?: string | undefined;
  readonly maxAmountRequired?: string | undefined;
  readonly payTo: string;
  /** How long a signed payload may be settled. */
  readonly maxTimeoutSeconds?: number | undefined;
}

/** What a server asks for with status 402 or the result of a tool, version 1 or 2. */
export interface X402Required {
  readonly x402Version: number;
  readonly accepts: readonly X402Requirements[];
  /** Version 2: what the server offers besides, by name. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** A signed payment, as far as the guard looks at it. */
export interface X402Payload {
  readonly x402Version?: number | undefined;
  /** Version 2: what was accepted. */
  readonly accepted?: X402Requirements | undefined;
  /** Version 1. */
  readonly scheme?: string | undefined;
  readonly network?: string | undefined;
  readonly payload?: unknown;
}

/** What a server says that it settled (x402 `SettlementResponse`). */
export interface X402Settlement {
  readonly success: boolean;
  /** The hash on the chain, also of a settlement that is sent and not confirmed (`settlement_pending`); else empty. */
  readonly transaction: string;
  /** Atomic units, where less than the signed amount may be settled. */
  readonly amount?: string | undefined;
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
export function answeredWithinMs({ maxTimeoutSeconds }: X402Requirements): number {
  const seconds = Number.isFinite(maxTimeoutSeconds) ? Math.max(0, maxTimeoutSeconds ?? 0) : 60;
  return Math.min(seconds * 1_000 + marginMs, longestMs);
}

/** What is no request for payment is `undefined`. */
export function requiredIn(value: unknown): X402Required | undefined {
  const { x402Version, accepts } = (value ?? {}) as { readonly x402Version?: unknown; readonly accepts?: unknown };
  return typeof x402Version === "number" && Array.isArray(accepts) ? (value as X402Required) : undefined;
}

/** What is no settlement is `undefined`. */
export function settlementIn(value: unknown): X402Settlement | undefined {
  const { success, transaction } = (value ?? {}) as { readonly success?: unknown; readonly transaction?: unknown };
  if (typeof success !== "boolean") return undefined;
  return { ...(value as X402Settlement), transaction: typeof transaction === "string" ? transaction : "" };
}
