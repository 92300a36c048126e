import {
  type CallOptions,
  type DeadLetter,
  type Grant,
  type Intent,
  type Settlement,
  type SettlementInstruction,
  Unit,
  settlementQueue,
} from "@imprest/core";
import { worker } from "#worker";
import { askProvider } from "./ask-provider.ts";
import type { PaymentAuthority } from "./authority.ts";
import { standingOf } from "./budget/standing-of.ts";
import type { Standing } from "./budget/standing.ts";
import { chargeKind } from "./bodies.ts";
import { AP2GuardError } from "./errors.ts";
import type { Attempt } from "./ledger/attempt.ts";
import type { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
import { lengthenHold } from "./lengthen-hold.ts";
import type { LookupCharge } from "./psp-outcome.ts";
import { baseOf, bookingOf, commitIntent } from "./settlement-bodies.ts";

/** How an attempt is brought to its end. */
export interface ResolveOptions extends Pick<CallOptions, "signal"> {
  /** Asks the PSP; without it a payment that may have been charged stays as it is. */
  readonly lookupCharge?: LookupCharge | undefined;
  /** How long the PSP may take to answer one look-up, in milliseconds; four seconds by default. */
  readonly lookupTimeoutMs?: number | undefined;
  /**
   * How long after the last sign of life a PSP that knows no charge is believed, in milliseconds; ten minutes by default,
   * and not before the reservation has run out by the authority's time. Until then the request may still be on its way.
   * Under a minute, which no lease runs out in, only this clock is asked.
   */
  readonly absentAfterMs?: number | undefined;
}

/** What became of an attempt: `unresolved` when the PSP or the authority cannot say yet. */
export type Resolution = "settled" | "released" | "unresolved";

/** What became of an attempt; the problem says why it is unresolved, or what of the charge the authority did not book. */
export interface Resolved {
  readonly resolution: Resolution;
  readonly problem?: Error | undefined;
}

/** What the record keeps of an attempt that was refused, besides its phase. */
export type Refusal = Pick<Attempt, "declined" | "unproven" | "rejectedBy">;

const tenMinutesMs = 600_000;
/** The default lifetime of a lease: a wait that is shorter cannot be judged by one. */
const leaseMs = 60_000;

/**
 * Brings one claimed attempt to its end. Money that moved is committed, or recorded as an event when the reservation is
 * gone; a charge that surely was not made is released; anything else is left alone.
 * @param refused what somebody else proved: the PSP is not asked then.
 * @throws AP2GuardError when another worker resolves it first; what the store throws; AbortedError.
 */
export async function resolveAttempt(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  options: ResolveOptions,
  refused?: Refusal,
): Promise<Resolved> {
  // A letter of a payment that is in the books is of another amount: its worker went on charging after it was taken over.
  if (claimed.attempt.phase === "settled") return { resolution: "settled" };
  const resolved = await resolve(authority, claimed, options, refused);
  const { reservationId } = claimed.attempt;
  if (reservationId !== undefined) await forgetLetters(authority, reservationId, resolved.resolution);
  return resolved;
}

/** What is in the books now must not stand among the dead letters too: the two together are what was paid. */
async function forgetLetters(
  authority: PaymentAuthority,
  reservationId: string,
  resolution: Resolution,
): Promise<void> {
  const { deadLetters } = settlementQueue(authority);
  const letters: DeadLetter[] = [];
  for await (const letter of deadLetters.list({ reservationId })) letters.push(letter);
  // Of a payment that is still open one letter is enough: that of the refused spend, which states the amount.
  const isStated = letters.some(({ kind }) => kind !== "spend-unknown");
  for (const { id, kind } of letters) {
    if (resolution !== "unresolved" || (isStated && kind === "spend-unknown")) await deadLetters.discard(id);
  }
}

async function resolve(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  options: ResolveOptions,
  refused: Refusal | undefined,
): Promise<Resolved> {
  const { phase } = claimed.attempt;
  if (phase === "released") return refused ? { resolution: phase } : reopen(authority, claimed, options);
  const standing = await takeOver(authority, claimed, options);
  if (standing === undefined)
    return unresolved("Its worker may still run, or the authority cannot say how the reservation stands.");
  const { money, problem } = await moneyOf(authority, claimed, standing, options, refused);
  const acted = await act(authority, claimed, standing, money);
  return { ...acted, problem: problem ?? acted.problem };
}

/**
 * Takes an attempt over from its worker, which from here on finds its claim lost before it charges.
 * @returns how its reservation stands; `undefined` when its worker may still run, or the authority cannot say.
 */
async function takeOver(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  options: ResolveOptions,
): Promise<Standing | undefined> {
  const { phase, held, suspended, commit: written, worker: by } = claimed.attempt;
  const nowMs = authority.ledger.clock.now();
  // Of a worker whose clock is ahead, time is counted from now on.
  const touchedAtMs = Math.min(claimed.attempt.touchedAtMs, nowMs);
  // This clock may be ahead of the worker's: a process that is gone is dead, and of any other its lease says whether it lives.
  const mayLive = !held && !suspended && !(by !== undefined && worker.isDead(by));
  // Money that moved is booked at once when its body is over; until then there may be more of it.
  const mayCharge = phase !== "charged" || written === undefined;
  const mayStillRun = mayLive && mayCharge;
  if (!mayStillRun) await claimed.write({ held: true, touchedAtMs });
  const standing = await standingOf(authority.source, claimed.attempt, { ...options, asksLife: mayStillRun });
  if (mayStillRun) {
    if (standing === undefined || (standing.status === "open" && standing.isLive)) return undefined;
    await claimed.write({ held: true, touchedAtMs });
  }
  return standing;
}

/** What is known of an attempt's money. */
type Money =
  /** The authority has booked it. */
  | { readonly status: "booked"; readonly charged: NonNullable<Attempt["charged"]> }
  | { readonly status: "charged"; readonly charged: NonNullable<Attempt["charged"]> }
  /** Nothing was charged, for that reason, and the record keeps that. */
  | { readonly status: "free"; readonly reason: string; readonly refusal: Refusal }
  | { readonly status: "unknown" };

const unknown = { status: "unknown" } as const;

/** By the authority's books, the record, whoever refused, and the PSP, in this order. */
async function moneyOf(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  standing: Standing,
  options: ResolveOptions,
  refused: Refusal | undefined,
): Promise<{ readonly money: Money; readonly problem?: Error | undefined }> {
  const { attempt } = claimed;
  const { clock } = authority.ledger;
  const free = (reason: string, refusal: Refusal): { money: Money } => ({ money: { status: "free", reason, refusal } });
  if (standing.status === "committed") {
    // Of a refund nothing is booked, whatever was given back.
    const booked = attempt.isRefund ? undefined : standing.amount;
    return { money: { status: "booked", charged: attempt.charged ?? chargeOf(attempt, { amount: booked }) } };
  }
  const isPending = attempt.phase === "charged" && attempt.pending !== undefined && attempt.commit === undefined;
  if (attempt.phase === "charged" && !isPending)
    return { money: { status: "charged", charged: attempt.charged ?? chargeOf(attempt, {}) } };
  if (attempt.phase === "reserving") return free("the worker died before it charged", refused ?? {});
  if (refused && !isPending) return free("the PSP did not charge", refused);
  const { found, problem } = await askProvider(claimed, clock, options);
  const before = isPending ? attempt.charged : undefined;
  if (before && found.status === "charged") {
    const amount = BigInt(before.amount) + BigInt(chargeOf(attempt, found).amount);
    return { money: { status: "charged", charged: { ...before, amount: amount.toString() } } };
  }
  if (before && found.status === "declined") return { money: { status: "charged", charged: before } };
  if (found.status === "declined") return free("the PSP did not charge", { declined: true });
  if (found.status === "charged") return { money: { status: "charged", charged: chargeOf(attempt, found) } };
  const { absentAfterMs = tenMinutesMs } = options;
  // By the authority's time too, which a clock of this machine that is ahead does not change.
  // A hold is lengthened once, here or by the worker that gave up: what has passed of that is the authority's time.
  const isHeld = standing.status === "open" && standing.isLive;
  const heldMs = isHeld ? await lengthenHold(authority, grantOf(standing.reservationId), claimed.key("hold")) : leaseMs;
  const hasRunOut = heldMs >= leaseMs || absentAfterMs < leaseMs;
  const isOldEnough = hasRunOut && clock.now() - attempt.touchedAtMs >= absentAfterMs;
  if (before && found.status === "none" && isOldEnough) return { money: { status: "charged", charged: before } };
  if (found.status === "none" && isOldEnough) return free("the PSP did not charge", { unproven: true });
  return { money: unknown, problem };
}

/**
 * Brings money, attempt and reservation into line:
 *
 * | money   | reservation open | it is gone or released | it is committed |
 * | ------- | ---------------- | ---------------------- | --------------- |
 * | booked  |                  |                        | settled         |
 * | charged | commit           | record an event        |                 |
 * | free    | release          | released               |                 |
 * | unknown | left alone       | left alone             |                 |
 */
async function act(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  standing: Standing,
  money: Money,
): Promise<Resolved> {
  const { status, reservationId } = standing;
  const { phase, touchedAtMs } = claimed.attempt;
  if (money.status === "unknown") return unresolved("The PSP does not say yet whether it charged.");
  if (money.status === "booked") {
    await claimed.write({ phase: "settled", charged: money.charged, outcome: "committed", reservationId });
    return { resolution: "settled" };
  }
  if (money.status === "charged") {
    const { charged } = money;
    // Together, so that what was pending is added once.
    if (phase !== "charged" || charged !== claimed.attempt.charged || claimed.attempt.pending !== undefined)
      await claimed.write({ phase: "charged", charged, pending: undefined, touchedAtMs });
    return commit(authority, claimed, standing);
  }
  if (status === "open") await release(authority, claimed, reservationId, money.reason);
  await claimed.write({ phase: "released", ...money.refusal });
  return { resolution: "released" };
}

/**
 * What was released without a proof may have been charged all the same, and whoever asks again (a webhook) may know: the
 * reservation is gone, so the charge is recorded as an event.
 */
async function reopen(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  options: ResolveOptions,
): Promise<Resolved> {
  if (claimed.attempt.declined) return { resolution: "released" };
  const { found } = await askProvider(claimed, authority.ledger.clock, options);
  if (found.status !== "charged") return { resolution: "released" };
  const charged = chargeOf(claimed.attempt, found);
  await claimed.write({ phase: "charged", charged, unproven: undefined, held: true });
  const standing = await standingOf(authority.source, claimed.attempt, { ...options, asksLife: false });
  return standing === undefined
    ? unresolved("The authority cannot say how the reservation stands.")
    : commit(authority, claimed, standing);
}

/** As far as an extension looks at it. */
function grantOf(id: string): Grant {
  const estimate = { unit: Unit.usdMicrocents, amount: 0n };
  const request = { estimate, action: { kind: chargeKind } };
  return { id, decision: "ALLOW", reserved: estimate, caps: [], request, wire: undefined };
}

/** What the PSP charged, by its answer. Without an amount it is the attempt's own. */
function chargeOf(
  { microcents }: Attempt,
  { amount, reference }: { readonly amount?: bigint | undefined; readonly reference?: string | undefined },
): NonNullable<Attempt["charged"]> {
  return { amount: amount?.toString() ?? microcents, reference };
}

async function release(
  authority: PaymentAuthority,
  { scope, attempt }: ClaimedAttempt,
  reservationId: string,
  text: string,
): Promise<void> {
  const base = baseOf(authority.target, scope, attempt, reservationId, authority.ledger.clock.now());
  const intent: Intent = { kind: "release", reason: { code: "caller", text } };
  await settlementQueue(authority).submit(authority.budget.prepare(base, intent));
}

async function commit(authority: PaymentAuthority, claimed: ClaimedAttempt, standing: Standing): Promise<Resolved> {
  const { attempt, scope } = claimed;
  const { status, reservationId } = standing;
  const base = baseOf(authority.target, scope, attempt, reservationId, authority.ledger.clock.now());
  const microcents = BigInt(attempt.charged?.amount ?? attempt.microcents);
  const reference = attempt.charged?.reference;
  const { booked, metadata } = bookingOf(attempt, microcents, reference === undefined ? {} : { psp_ref: reference });
  const written = authority.budget.prepare(base, commitIntent(booked, metadata));
  const frozen = attempt.commit === undefined ? written : { ...written, ...attempt.commit };
  const { body, fallback } = frozen;
  const isOpen = status === "open" || fallback === undefined;
  const instruction: SettlementInstruction = isOpen ? frozen : { ...frozen, mode: "event", body: fallback };
  await claimed.write({ commit: { body, fallback }, touchedAtMs: attempt.touchedAtMs });
  const settlement = await settlementQueue(authority).submit(instruction);
  if (settlement.status !== "committed" && settlement.status !== "recorded") {
    if (settlement.status === "rejected")
      await claimed.write({ outcome: "rejected", touchedAtMs: attempt.touchedAtMs });
    return unresolved(
      "The authority did not take the spend, which waits as a dead letter or is tried again.",
      settlement,
    );
  }
  await claimed.write({ phase: "settled", outcome: settlement.status, reservationId });
  const { uncovered } = settlement;
  if (uncovered === undefined) return { resolution: "settled" };
  const message = `The PSP charged ${microcents} microcents, and the authority did not book ${uncovered.amount} of them: its policy caps what is overspent. Book them by hand.`;
  return { resolution: "settled", problem: new AP2GuardError("ERR_AP2_COMMIT_UNCERTAIN", message) };
}

function unresolved(message: string, settlement?: Settlement): Resolved {
  const cause = settlement?.error;
  const why = cause === undefined ? "" : ` ${cause.message}`;
  const problem = new AP2GuardError("ERR_AP2_COMMIT_UNCERTAIN", `${message}${why}`, { cause });
  return { resolution: "unresolved", problem };
}
