import type { Delegation, MandateLimits } from "../mandate.ts";
import { toScaled } from "../microcents.ts";
import { type Attempt, type AttemptPhase, amountOf, isUse, pspEpochOf } from "./attempt.ts";

/** What a new attempt is to pay, and under which rules. */
export interface ClaimTerms {
  readonly transactionId: string;
  /** Hundred-millionths of one currency. */
  readonly amount: bigint;
  readonly leg?: number | undefined;
  /** Hash of the tenant that pays. */
  readonly pspTenant?: string | undefined;
  /** What all legs together may come to, in the same unit. */
  readonly total: bigint;
  /** The mandate's amount and currency, on which all its legs agree. */
  readonly whole?: string | undefined;
  readonly limits?: MandateLimits | undefined;
  readonly delegations?: readonly Delegation[] | undefined;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** Where an attempt stands among those of its mandate. */
export type AttemptPlace = Pick<Attempt, "occurrence" | "epoch" | "leg" | "pspTenant"> & { readonly pspEpoch: number };

/** What a claim gets: a place of its own, an attempt to go on with, or a refusal. */
export type Admission =
  | { readonly place: AttemptPlace }
  | { readonly resume: Attempt }
  | {
      readonly refused: string;
      readonly phase?: AttemptPhase | undefined;
      readonly reservationId?: string | undefined;
    };

/**
 * Whether a mandate may be used once more after what was tried under it. Pure. A mandate has one use unless it recurs; each
 * use, and each leg of one, has one attempt at a time, and another only after the last is released. The next has a PSP
 * key of its own only if the last was declined.
 * @param elsewhere what other records keep of this mandate's purchases: it counts, and has keys of its own.
 */
export function admit(attempts: readonly Attempt[], terms: ClaimTerms, elsewhere: readonly Attempt[] = []): Admission {
  const { transactionId, leg, whole, limits, delegations = [] } = terms;
  const all = [...elsewhere, ...attempts];
  // Under a mandate of one use, every transaction is the same use: that is what consume-once means.
  const isSame = (attempt: Attempt): boolean => !recurs(limits) || attempt.transactionId === transactionId;
  const same = all.filter(isSame);
  // Legs have PSP keys of their own, so a whole payment that may have been made after all admits none, nor the reverse.
  const mayStand = same.filter((attempt) => isUse(attempt) || attempt.unproven);
  const mixed = mayStand.find((attempt) => (attempt.leg === undefined) !== (leg === undefined));
  if (mixed) return refuse("The mandate is used with and without legs.", mixed);
  const unlike = mayStand.find((attempt) => attempt.whole !== undefined && attempt.whole !== whole);
  if (whole !== undefined && unlike)
    return refuse("An earlier leg is of a mandate of another amount or currency.", unlike);
  const other = same.find((attempt) => isUse(attempt) && attempt.transactionId !== transactionId);
  if (other) return refuse("The mandate was used for another transaction.", other);
  const last = attempts.findLast((attempt) => isSame(attempt) && attempt.leg === leg);
  if (last?.suspended && last.phase === "reserving") return { resume: last };
  // An attempt before the last may have turned out to be charged after it was released.
  const taken = same.findLast((attempt) => isUse(attempt) && attempt.leg === leg);
  if (taken) return refuse(inWords(taken.phase), taken);
  const overdrawn = leg === undefined ? undefined : legsLeft(same, terms);
  const limited =
    overdrawn ??
    (limits && withinLimits(all, terms, limits)) ??
    delegations.map((one) => withinDelegation(all, terms, one)).find((refused) => refused !== undefined);
  if (limited !== undefined) return { refused: limited };
  const occurrence =
    attempts.findLast(isSame)?.occurrence ?? 1 + Math.max(-1, ...all.map(({ occurrence: taken }) => taken));
  const pspEpoch = last ? pspEpochOf(last) + (last.declined ? 1 : 0) : 0;
  // Until a decline the key stays as it was, whoever began with it.
  const { pspTenant } = last && !last.declined ? last : terms;
  return { place: { occurrence, epoch: last ? last.epoch + 1 : 0, pspEpoch, pspTenant, leg } };
}

function refuse(refused: string, { phase, reservationId }: Attempt): Admission {
  return { refused, phase, reservationId };
}

function inWords(phase: AttemptPhase): string {
  if (phase === "settled") return "The mandate was used: the payment was made and settled.";
  if (phase === "charged") return "The mandate was used: the payment was made and is being settled.";
  return "The mandate is being used, or a worker died using it: recover() finds out.";
}

function legsLeft(same: readonly Attempt[], { amount, total }: ClaimTerms): string | undefined {
  const taken = sumOf(same);
  return taken + amount > total
    ? "Together they would exceed the whole: the mandate's amount, or what was captured."
    : undefined;
}

/** AP2 v0.2 §Agent Recurrence is the one rule by which a mandate is used more than once. */
function recurs(limits: MandateLimits | undefined): boolean {
  return limits?.frequency !== undefined;
}

function withinDelegation(
  attempts: readonly Attempt[],
  terms: ClaimTerms,
  { id, limits }: Delegation,
): string | undefined {
  const under = attempts.filter(({ delegations }) => delegations?.includes(id));
  const other = under.some((attempt) => isUse(attempt) && attempt.transactionId !== terms.transactionId);
  if (other && !recurs(limits)) return "The mandate by which it was delegated was used for another transaction.";
  return limits && withinLimits(under, terms, limits);
}

function withinLimits(attempts: readonly Attempt[], terms: ClaimTerms, limits: MandateLimits): string | undefined {
  const used = attempts.filter(isUse);
  const isNewUse = !used.some(({ transactionId }) => transactionId === terms.transactionId);
  const { maxOccurrences, frequency, budget } = limits;
  const uses = new Set(used.map(({ transactionId }) => transactionId));
  if (isNewUse && maxOccurrences !== undefined && uses.size >= maxOccurrences)
    return "The mandate has no occurrence left.";
  if (isNewUse && frequency !== undefined && frequency !== "ON_DEMAND") {
    const latest = Math.max(-Infinity, ...used.map(({ startedAtMs }) => startedAtMs));
    const next = latest === -Infinity ? -Infinity : nextUse(latest, frequency);
    if (terms.nowMs < next) return `The mandate may be used ${frequency.toLowerCase()}, and it is too early.`;
  }
  if (budget !== undefined && sumOf(used) + terms.amount > toScaled(budget))
    return "The mandate's budget would be exceeded.";
  return undefined;
}

function sumOf(attempts: readonly Attempt[]): bigint {
  return attempts.filter(isUse).reduce((sum, attempt) => sum + amountOf(attempt), 0n);
}

const dayMs = 86_400_000;
const days: Readonly<Record<string, number>> = { DAILY: 1, WEEKLY: 7, BIWEEKLY: 14 };
const months: Readonly<Record<string, number>> = { MONTHLY: 1, QUARTERLY: 3, ANNUALLY: 12 };

/** When the period after a use at `sinceMs` is over; never, for a frequency that is not known. */
export function nextUse(sinceMs: number, frequency: string): number {
  const inDays = Object.hasOwn(days, frequency) ? days[frequency] : undefined;
  if (inDays !== undefined) return sinceMs + inDays * dayMs;
  const inMonths = Object.hasOwn(months, frequency) ? months[frequency] : undefined;
  if (inMonths === undefined) return Infinity;
  const next = new Date(sinceMs);
  const day = next.getUTCDate();
  next.setUTCDate(1);
  next.setUTCMonth(next.getUTCMonth() + inMonths);
  // A month after the 31st is its last day, not a day of the month after it.
  const lastDay = new Date(Date.UTC(next.getUTCFullYear(), next.getUTCMonth() + 1, 0)).getUTCDate();
  next.setUTCDate(Math.min(day, lastDay));
  return next.getTime();
}
