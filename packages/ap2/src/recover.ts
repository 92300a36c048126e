import { type RecordStore, ValidationError } from "@imprest/core";
import { abortedError } from "@imprest/core/internal";
import { type PaymentAuthority, type PaymentSource, paymentAuthority } from "./authority.ts";
import { type AP2ErrorCode, AP2GuardError, type AttemptReference } from "./errors.ts";
import { isAbandoned, isUse, pspSuffixOf } from "./ledger/attempt.ts";
import { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
import { scan } from "./ledger/scan.ts";
import { type Resolution, type ResolveOptions, type Resolved, resolveAttempt } from "./resolve-attempt.ts";

const mostProblems = 100;

/** How `recover` brings payments to their end, and which ones. */
export interface RecoverOptions extends ResolveOptions {
  readonly records?: RecordStore | undefined;
  /**
   * How long a worker must have been silent to count as dead, in milliseconds; two minutes by default. Clocks may differ,
   * so it must also be a process of this machine that is gone, or its reservation must have run out by the authority's time.
   * A payment of this process is never taken over.
   */
  readonly abandonedAfterMs?: number | undefined;
}

/** A payment that `recover` could not bring to its end because something failed. */
export interface RecoveryProblem {
  /** Key of its record in the store. */
  readonly record: string;
  /** The claim within it. */
  readonly claim: string;
  /** `ERR_AP2_LOOKUP` when `lookupCharge` gave no usable answer; otherwise what was thrown. */
  readonly error: Error;
}

/** What `recover` did. */
export interface PaymentRecovery {
  readonly settled: number;
  readonly released: number;
  /** Still open: the PSP or the authority could not say, or something failed. Call again later. */
  readonly unresolved: number;
  /** What failed; the other payments went on. The first hundred: `unresolved` counts them all. */
  readonly problems: readonly RecoveryProblem[];
  /** Keys of records that cannot be read; they block their mandates until somebody looks into them. */
  readonly malformed: readonly string[];
}

/**
 * Brings every payment that a dead worker left, or a live one gave up, to its end. Safe to call from any number of
 * processes at any time; call it on start and from time to time. A payment that fails stops no other.
 * @throws ValidationError for an option that is no time; what the store throws while it is listed; AbortedError when
 * `options.signal` aborts.
 * @example
 * const { unresolved, problems } = await recover(authority, { records, lookupCharge: stripeLookupCharge(stripe) });
 * for (const { record, error } of problems) console.error(record, error);
 */
export async function recover(source: PaymentSource, options: RecoverOptions = {}): Promise<PaymentRecovery> {
  checkTimes(options);
  const authority = paymentAuthority(source, options.records);
  const { clock } = authority.ledger;
  const problems: RecoveryProblem[] = [];
  const counted = { settled: 0, released: 0, unresolved: 0 };
  const malformed: string[] = [];
  for await (const { key, attempts } of scan(authority.ledger, (malformedKey) => malformed.push(malformedKey))) {
    const left = attempts.filter((one) => isAbandoned(one, clock.now(), options.abandonedAfterMs));
    for (const { claim } of left) {
      if (authority.live.has(claim)) continue;
      if (options.signal?.aborted) throw abortedError(options.signal, "The recovery");
      const resolved = await resolveSafely(authority, key, claim, options);
      if (resolved === undefined) continue;
      const { resolution, problem } = resolved;
      counted[resolution] += 1;
      if (problem && problems.length < mostProblems) problems.push({ record: key, claim, error: problem });
    }
  }
  return { ...counted, problems, malformed };
}

/** @throws ValidationError: a negative time would take live payments for dead ones. */
function checkTimes(options: RecoverOptions): void {
  for (const name of ["abandonedAfterMs", "absentAfterMs", "lookupTimeoutMs"] as const) {
    const value: unknown = options[name];
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)) continue;
    throw new ValidationError("recovery", [{ pointer: `/${name}`, message: "must be milliseconds, zero or more" }]);
  }
}

const taken: ReadonlySet<string> = new Set<AP2ErrorCode>(["ERR_AP2_CLAIM_LOST", "ERR_AP2_NOTHING_PAID"]);

/** A failure of one payment as its problem, so that the next one is reached; `undefined` when another worker has it. */
async function resolveSafely(
  authority: PaymentAuthority,
  key: string,
  claim: string,
  options: RecoverOptions,
): Promise<Resolved | undefined> {
  try {
    return await resolve(authority, key, claim, options);
  } catch (thrown) {
    if (options.signal?.aborted) throw thrown;
    // Another worker got to it first, and may have brought it to its end.
    if (AP2GuardError.isInstance(thrown) && taken.has(thrown.code)) return undefined;
    const problem = thrown instanceof Error ? thrown : new Error("Something was thrown.", { cause: thrown });
    return { resolution: "unresolved", problem };
  }
}

/**
 * Brings one payment to its end: that of an uncertain or refused commit, or of what a webhook names.
 * @returns `"unresolved"` also while its body may still run, and for a payment of another tenant than the source's.
 * @throws AP2GuardError when another worker resolves it at the same time, or its record is gone; ValidationError for an
 * option that is no time.
 * @example
 * const error = await pay(mandate).catch((thrown: unknown) => thrown);
 * if (AP2GuardCommitUncertain.isInstance(error)) await reconcile(authority, error, { records, lookupCharge });
 */
export async function reconcile(
  source: PaymentSource,
  error: { readonly attempt: AttemptReference },
  options: ResolveOptions & { readonly records?: RecordStore | undefined } = {},
): Promise<Resolution> {
  checkTimes(options);
  const authority = paymentAuthority(source, options.records);
  const { record, claim } = error.attempt;
  return (await resolve(authority, record, claim, options)).resolution;
}

/** @throws AP2GuardError when the attempt is gone, or another worker got to it first. */
async function resolve(
  authority: PaymentAuthority,
  key: string,
  claim: string,
  options: ResolveOptions,
): Promise<Resolved> {
  const stored = await authority.ledger.records.read(key);
  const record = stored && authority.ledger.read(stored);
  const named = record?.attempts.find((found) => found.claim === claim);
  if (stored === undefined || record === undefined || named === undefined)
    throw new AP2GuardError("ERR_AP2_NOTHING_PAID", `The store holds no attempt ${claim} in ${key}.`);
  // A later attempt under the same PSP key is about the same charge.
  const standing = record.attempts.findLast((one) => isUse(one) && pspSuffixOf(one) === pspSuffixOf(named));
  const attempt = standing ?? named;
  // Another tenant's books cannot be asked here.
  if (!authority.ledger.ownOf(record).includes(attempt)) return { resolution: "unresolved" };
  if (authority.live.has(attempt.claim)) return { resolution: "unresolved" };
  return resolveAttempt(authority, new ClaimedAttempt(authority.ledger, key, record, attempt, stored.version), options);
}
