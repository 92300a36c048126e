import { type Clock, TimeoutError } from "@imprest/core";
import { abortedError, onAbort, raceAbort } from "@imprest/core/internal";
import { longestReference } from "./charges.ts";
import { AP2GuardError } from "./errors.ts";
import type { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
import { checkMicrocents } from "./microcents.ts";
import type { ChargeLookup, LookupCharge } from "./psp-outcome.ts";

/** Four seconds: one provider that does not answer must not keep the other payments waiting for long. */
const defaultTimeoutMs = 4_000;
/** How the provider is asked. */
export interface AskOptions {
  readonly lookupCharge?: LookupCharge | undefined;
  readonly lookupTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer that was checked; `problem` says why one could not be believed. */
export interface ProviderAnswer {
  readonly found: ChargeLookup;
  readonly problem?: AP2GuardError | undefined;
}

/**
 * Asks the provider what became of an attempt, within a deadline. An answer of no known form, a throw and silence are
 * `unknown`, each with its problem. @throws AbortedError when the caller's signal aborts.
 */
export async function askProvider(
  { attempt, record, pspKey, pspReference, sharingPspKey }: ClaimedAttempt,
  clock: Clock,
  { lookupCharge, lookupTimeoutMs = defaultTimeoutMs, signal }: AskOptions,
): Promise<ProviderAnswer> {
  if (lookupCharge === undefined) {
    const problem = unusable("No lookupCharge was given, so nobody was asked whether the PSP charged.");
    return { found: { status: "unknown" }, problem };
  }
  const end = new AbortController();
  const timer = clock.setTimer(
    () => end.abort(new TimeoutError(`No answer within ${lookupTimeoutMs} ms.`, lookupTimeoutMs)),
    lookupTimeoutMs,
    true,
  );
  const unlink = onAbort(signal, () => end.abort(signal?.reason));
  try {
    const query = {
      pspIdempotencyKey: pspKey,
      transactionId: attempt.transactionId,
      record,
      reference: attempt.pending ?? attempt.charged?.reference ?? pspReference,
      microcents: BigInt(attempt.microcents),
      // When the PSP may have seen that key first.
      startedAtMs: Math.min(attempt.startedAtMs, ...sharingPspKey.map(({ startedAtMs }) => startedAtMs)),
      signal: end.signal,
    };
    const asked = (async (): Promise<unknown> => lookupCharge(query))();
    return { found: checkAnswer(await raceAbort(asked, end.signal, "The look-up of a charge")) };
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal, "The look-up of a charge");
    const cause: unknown = end.signal.aborted ? end.signal.reason : error;
    const why = AP2GuardError.isInstance(cause) || TimeoutError.isInstance(cause) ? cause.message : "It threw.";
    const problem = new AP2GuardError("ERR_AP2_LOOKUP", `lookupCharge gave no usable answer. ${why}`, { cause });
    return { found: { status: "unknown" }, problem };
  } finally {
    timer.clear();
    unlink();
  }
}

/** @throws AP2GuardError for anything that is no answer: it must not reach the record, from which it could not be read. */
function checkAnswer(answer: unknown): ChargeLookup {
  const { status, amount, reference } = (typeof answer === "object" && answer !== null ? answer : {}) as {
    readonly status?: unknown;
    readonly amount?: unknown;
    readonly reference?: unknown;
  };
  if (status === "declined" || status === "none" || status === "unknown") return { status };
  if (status !== "charged") throw unusable("Its status is not 'charged', 'declined', 'none' or 'unknown'.");
  const isReference = typeof reference === "string" && reference.length <= longestReference;
  if (!isReference && reference !== undefined && reference !== null) {
    throw unusable(`Its reference is no text of at most ${longestReference} characters.`);
  }
  return {
    status,
    ...(isReference && { reference }),
    ...(amount !== undefined && amount !== null && { amount: checkMicrocents(amount, "Its amount") }),
  };
}

function unusable(message: string): AP2GuardError {
  return new AP2GuardError("ERR_AP2_LOOKUP", message);
}
