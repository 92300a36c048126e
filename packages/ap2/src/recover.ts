import type { RecordStore } from "@imprest/core";
import type { CyclesSource } from "@imprest/cycles";
import { type PaymentAuthority, paymentAuthority } from "./authority.ts";
import { type AP2GuardCommitFailed, type AP2GuardCommitUncertain, AP2GuardError } from "./errors.ts";
import type { Attempt, PaymentRecord } from "./ledger/attempt.ts";
import { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
import { signOfLifeMs } from "./payment-handle.ts";
import { type Resolution, type ResolveOptions, resolveAttempt } from "./resolve-attempt.ts";

export interface RecoverOptions extends ResolveOptions {
  readonly records?: RecordStore | undefined;
  /**
   * How long a worker must have been silent to count as dead, in milliseconds; two minutes unless told, and never
   * sensibly below a few of the 15 seconds between its signs of life while other workers run.
   */
  readonly abandonedAfterMs?: number | undefined;
}

/** What `recover` did. */
export interface PaymentRecovery {
  readonly settled: number;
  readonly released: number;
  /** Still open: the PSP or the authority could not say. Call again later. */
  readonly unresolved: number;
  /** Keys of records that cannot be read; they block their mandates until somebody looks into them. */
  readonly malformed: readonly string[];
}

/**
 * Brings every payment that a dead worker left, or a live one gave up, to its end. Safe to call from any number of
 * processes at any time; call it on start and from time to time.
 * @throws what the store throws; AbortedError when `options.signal` aborts.
 */
export async function recover(source: CyclesSource, options: RecoverOptions = {}): Promise<PaymentRecovery> {
  const authority = paymentAuthority(source, options.records);
  const { abandonedAfterMs = 8 * signOfLifeMs } = options;
  const counted = { settled: 0, released: 0, unresolved: 0 };
  const malformed: string[] = [];
  for await (const { key, record } of authority.ledger.scan((malformedKey) => malformed.push(malformedKey))) {
    for (const { claim } of record.attempts.filter((attempt) => isLeft(attempt, authority, abandonedAfterMs))) {
      options.signal?.throwIfAborted();
      const resolution = await resolve(authority, key, claim, options);
      if (resolution !== undefined) counted[resolution] += 1;
    }
  }
  return { ...counted, malformed };
}

/**
 * Brings the payment of an uncertain or refused commit to its end.
 * @throws AP2GuardError when another worker resolves it at the same time, or its record is gone.
 */
export async function reconcile(
  source: CyclesSource,
  error: AP2GuardCommitUncertain | AP2GuardCommitFailed,
  options: ResolveOptions & { readonly records?: RecordStore | undefined } = {},
): Promise<Resolution> {
  const authority = paymentAuthority(source, options.records);
  const { record, claim } = error.attempt;
  const resolution = await resolve(authority, record, claim, options);
  if (resolution !== undefined) return resolution;
  throw new AP2GuardError("ERR_AP2_LEDGER", "The record of this payment is gone, or another worker is resolving it.");
}

/** Given up by its worker, or left by one that died. */
function isLeft(
  { phase, held, suspended, touchedAtMs }: Attempt,
  { ledger }: PaymentAuthority,
  abandonedAfterMs: number,
): boolean {
  if (phase === "settled" || phase === "released") return false;
  return held === true || suspended === true || ledger.clock.now() - touchedAtMs >= abandonedAfterMs;
}

/** `undefined` when the attempt is gone, or another worker got to it first. */
async function resolve(
  authority: PaymentAuthority,
  key: string,
  claim: string,
  options: ResolveOptions,
): Promise<Resolution | undefined> {
  const stored = await authority.ledger.records.read(key);
  if (stored === undefined) return undefined;
  const record: PaymentRecord = authority.ledger.read(stored);
  const attempt = record.attempts.find((found) => found.claim === claim);
  if (attempt === undefined) return undefined;
  try {
    return await resolveAttempt(
      authority,
      new ClaimedAttempt(authority.ledger, key, record, attempt, stored.version),
      options,
    );
  } catch (error) {
    if (AP2GuardError.isInstance(error) && error.code === "ERR_AP2_CLAIM_LOST") return undefined;
    throw error;
  }
}
