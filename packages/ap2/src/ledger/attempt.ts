import type { RecordValue } from "@imprest/core";
import { divideRoundingUp } from "@imprest/core/internal";

/**
 * How far an attempt has come. `reserving`: the PSP was not reached; `charging`: it may have been; `charged`: it was, and
 * the authority is to record it; `settled`: it has; `released`: nothing was charged, and the budget was given back.
 */
export type AttemptPhase = "reserving" | "charging" | "charged" | "settled" | "released";

/** One attempt to pay, as it is kept. Amounts are decimal strings of hundred-millionths. */
export interface Attempt {
  /** Drawn once per attempt. It travels in the reserve, so that nobody else's reserve can be taken for this one. */
  readonly claim: string;
  readonly phase: AttemptPhase;
  readonly transactionId: string;
  /** Counts the uses of a mandate that may be used more than once, from 0. */
  readonly occurrence: number;
  /** Counts the attempts at one use, from 0; the next is open only once this one is released. */
  readonly epoch: number;
  /**
   * Counts the declines before this attempt, from 0, for the PSP's key. An attempt after anything less than a decline
   * keeps the key: should the charge exist after all, the PSP answers with it. Records of earlier versions lack it.
   */
  readonly pspEpoch?: number | undefined;
  /**
   * The hash of its tenant, for the PSP's key: two tenants may have one order number and one account at the PSP. An attempt
   * that keeps the key of an earlier one keeps this too; records of earlier versions lack it, and so do their keys.
   */
  readonly pspTenant?: string | undefined;
  /** The mandates by which it was delegated, whose uses are counted too. */
  readonly delegations?: readonly string[] | undefined;
  /** A partial capture or shipment, from 1; absent when the whole amount is paid at once. */
  readonly leg?: number | undefined;
  /** Of a leg: the amount and the currency of the mandate. Records of earlier versions lack it. */
  readonly whole?: string | undefined;
  /** What the mandate's currency is charged with. */
  readonly amount: string;
  /** The same in microcents, without headroom. */
  readonly microcents: string;
  /** Money comes back: an event reports it to the authority, which books nothing. */
  readonly isRefund?: boolean | undefined;
  /** The reserve's exact bytes. */
  readonly reserveBody: string;
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  /** When its worker last gave a sign of life, epoch milliseconds. */
  readonly touchedAtMs: number;
  /** Which server and tenant it is made with; that of the record in records of earlier versions. */
  readonly target?: string | undefined;
  /** The process that runs it; records of earlier versions lack it. */
  readonly worker?: string | undefined;
  /** Its worker gave up before it knew whether the reserve was taken: the same call may go on with it. */
  readonly suspended?: boolean | undefined;
  /** Its worker gave up while the PSP's outcome was unknown. */
  readonly held?: boolean | undefined;
  /** Released because the PSP, or whoever verified the mandate, refused this very charge. */
  readonly declined?: boolean | undefined;
  /** Released because the PSP knew of no charge, which may be wrong: a later attempt must find the same PSP key. */
  readonly unproven?: boolean | undefined;
  /** SHA-256 of the rejection receipt that was believed for it. */
  readonly rejectedBy?: string | undefined;
  readonly reservationId?: string | undefined;
  /** The PSP's id of a charge that was prepared before it could be made. */
  readonly reference?: string | undefined;
  /** Noted after another charge was stated, and not stated itself: whether it was made, the PSP has to say. */
  readonly pending?: string | undefined;
  /** What the PSP charged, in microcents, and its reference. */
  readonly charged?: { readonly amount: string; readonly reference?: string | undefined } | undefined;
  /** The commit's exact bytes, and those of the event that replaces it once the reservation has expired. */
  readonly commit?: { readonly body: string; readonly fallback?: string | undefined } | undefined;
  /** How the authority took it. */
  readonly outcome?: "committed" | "recorded" | "rejected" | undefined;
}

/** Everything that was tried under one mandate. */
export interface PaymentRecord {
  readonly version: 1;
  readonly scope: string;
  /** Which server and tenant the first attempt was made with: tenants share the record of an open mandate. */
  readonly target: string;
  /** Those that are kept here. */
  readonly attempts: readonly Attempt[];
  /** Purchases under this mandate whose attempts are kept in another record, each once. */
  readonly elsewhere: readonly AttemptElsewhere[];
}

/** Where a record is: its key in the store, and its scope. */
export interface RecordPlace {
  readonly record: string;
  readonly scope: string;
}

/**
 * A purchase that another record keeps, whose attempts there count here too. It is stored among the attempts, as one that
 * is settled: an earlier version, which does not look into the other record, refuses rather than pays twice.
 */
export interface AttemptElsewhere extends Attempt {
  readonly elsewhere: RecordPlace;
}

/** The entry for an attempt in the record of a mandate that does not keep it. */
export function elsewhere(attempt: Attempt, place: RecordPlace): AttemptElsewhere {
  return { ...attempt, phase: "settled", reserveBody: "{}", elsewhere: place };
}

/** The part of a key that tells the attempts of one scope apart; empty for the first, whose keys are the Python guard's. */
export function suffixOf({ occurrence, epoch, leg }: Pick<Attempt, "occurrence" | "epoch" | "leg">): string {
  const parts = [
    occurrence > 0 ? `o${occurrence}` : "",
    leg === undefined ? "" : `leg${leg}`,
    epoch > 0 ? `e${epoch}` : "",
  ];
  return parts.filter((part) => part !== "").join(".");
}

/** True while an attempt counts as a use: until it is proven that nothing was charged. */
export function isUse({ phase }: Attempt): boolean {
  return phase !== "released";
}

/**
 * What an attempt takes of a cap, in hundred-millionths of the mandate's currency: what was charged once that is known,
 * until then what was claimed. A fraction is rounded up, so that caps hold.
 */
export function amountOf({ amount, microcents, charged }: Attempt): bigint {
  const claimed = BigInt(amount);
  if (charged === undefined) return claimed;
  const priced = BigInt(microcents);
  return priced === 0n ? BigInt(charged.amount) : divideRoundingUp(claimed * BigInt(charged.amount), priced);
}

/** The part of the PSP's key that tells charges of one scope apart. */
export function pspSuffixOf(attempt: Pick<Attempt, "occurrence" | "epoch" | "pspEpoch" | "pspTenant" | "leg">): string {
  const own = suffixOf({ ...attempt, epoch: pspEpochOf(attempt) });
  return [attempt.pspTenant, own].filter(Boolean).join(":");
}

/** Versions before this member drew a new PSP key for each attempt. */
export function pspEpochOf({ epoch, pspEpoch }: Pick<Attempt, "epoch" | "pspEpoch">): number {
  return pspEpoch ?? epoch;
}

/** How often a running payment shows that its worker lives, in milliseconds. */
export const signOfLifeMs = 15_000;

/** How long a worker must have been silent to count as dead, unless the caller gives another time, in milliseconds. */
export const abandonedAfterMs: number = 8 * signOfLifeMs;

/** Still open, and given up by its worker or left by one that died. */
export function isAbandoned(
  { phase, held, suspended, touchedAtMs }: Attempt,
  nowMs: number,
  silenceMs: number = abandonedAfterMs,
): boolean {
  if (phase === "settled" || phase === "released") return false;
  // A sign of life far in the future says that the clocks differ, and nothing of how long ago it was.
  return held === true || suspended === true || Math.abs(nowMs - touchedAtMs) >= silenceMs;
}

/** A record as the store holds it: a copy without members that are `undefined`, which are no JSON. */
export function writeRecord({ elsewhere: others, attempts, ...record }: PaymentRecord): RecordValue {
  return stored({ ...record, attempts: [...others, ...attempts] });
}

/** Nothing is written out to be read again: a record holds the bytes of a reserve, and is written at every step. */
function stored(value: unknown): RecordValue {
  if (Array.isArray(value)) return value.map(stored);
  if (typeof value !== "object" || value === null) return value as RecordValue;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, stored(member)]));
}

const phases: ReadonlySet<unknown> = new Set<AttemptPhase>(["reserving", "charging", "charged", "settled", "released"]);

/** `undefined` for a record that this version cannot read: it is never taken for an unused mandate. */
export function readRecord(value: RecordValue): PaymentRecord | undefined {
  const record = value as unknown as Partial<PaymentRecord> | null;
  if (typeof record !== "object" || record === null || record.version !== 1) return undefined;
  const { scope, target, attempts } = record;
  if (typeof scope !== "string" || typeof target !== "string" || !Array.isArray(attempts)) return undefined;
  if (!attempts.every(isAttempt)) return undefined;
  const others = attempts.filter((one): one is AttemptElsewhere => one.elsewhere !== undefined);
  const own = attempts.filter((one) => one.elsewhere === undefined);
  return { ...(record as PaymentRecord), attempts: own, elsewhere: others };
}

function isAttempt(value: unknown): value is Partial<AttemptElsewhere> & Attempt {
  const attempt = value as Partial<AttemptElsewhere> | null;
  if (typeof attempt !== "object" || attempt === null || !phases.has(attempt.phase)) return false;
  const { claim, transactionId, amount, microcents, reserveBody, occurrence, epoch, startedAtMs, touchedAtMs } =
    attempt;
  const { pspEpoch = 0, pspTenant = "", target = "", charged, elsewhere: place = { record: "", scope: "" } } = attempt;
  const texts = [claim, transactionId, reserveBody, pspTenant, target, place.record, place.scope];
  const amounts = [amount, microcents, charged === undefined ? "0" : charged.amount];
  const numbers = [occurrence, epoch, pspEpoch, startedAtMs, touchedAtMs];
  return (
    texts.every((text) => typeof text === "string") &&
    amounts.every((text) => typeof text === "string" && /^\d{1,30}$/.test(text)) &&
    numbers.every((number) => Number.isSafeInteger(number))
  );
}
