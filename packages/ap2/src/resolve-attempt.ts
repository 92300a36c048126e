import { type CallOptions, type Intent, type SettlementInstruction, settlementQueue } from "@imprest/core";
import { worker } from "#worker";
import { askProvider } from "./ask-provider.ts";
import type { PaymentAuthority } from "./authority.ts";
import { standingOf } from "./budget/standing-of.ts";
import type { Standing } from "./budget/standing.ts";
import type { Attempt } from "./ledger/attempt.ts";
import type { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
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

/** What became of an attempt, and why the PSP's answer was not believed if it was not. */
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
  const resolved = await resolve(authority, claimed, options, refused);
  const { reservationId } = claimed.attempt;
  if (resolved.resolution !== "unresolved" && reservationId !== undefined)
    await forgetLetters(authority, reservationId);
  return resolved;
}

/** What is in the books now must not stand among the dead letters too: the two together are what was paid. */
async function forgetLetters(authority: PaymentAuthority, reservationId: string): Promise<void> {
  const { deadLetters } = settlementQueue(authority);
  for await (const letter of deadLetters.list()) {
    if (letter.reservationId === reservationId) await deadLetters.discard(letter.id);
  }
}

async function resolve(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  options: ResolveOptions,
  refused: Refusal | undefined,
): Promise<Resolved> {
  const { phase, held, suspended, commit: written, worker: by } = claimed.attempt;
  // Of a worker whose clock is ahead, time is counted from now on.
  const touchedAtMs = Math.min(claimed.attempt.touchedAtMs, authority.ledger.clock.now());
  if (phase === "settled") return { resolution: phase };
  if (phase === "released") return { resolution: refused ? phase : await reopen(authority, claimed, options) };
  // This clock may be ahead of the worker's: a process that is gone is dead, and of any other its lease says whether it lives.
  const mayLive = !held && !suspended && !(by !== undefined && worker.isDead(by));
  // Money that moved is booked before the reservation runs out: at once when its body is over, else when its worker is silent.
  const mayCharge =
    phase !== "charged" || (written === undefined && authority.ledger.clock.now() - touchedAtMs < leaseMs);
  const isSilent = mayLive && mayCharge;
  // From here on a worker that was only slow finds its claim lost before it charges.
  const takeOver = (): Promise<void> => claimed.write({ held: true, touchedAtMs });
  if (!isSilent) await takeOver();
  const standing = await standingOf(authority.source, claimed.attempt, { ...options, asksLife: isSilent });
  if (standing === undefined || (isSilent && standing.status === "open" && standing.isLive))
    return { resolution: "unresolved" };
  if (isSilent) await takeOver();
  if (standing.status === "committed") {
    await claimed.write({ phase: "settled", outcome: "committed", reservationId: standing.reservationId });
    return { resolution: "settled" };
  }
  if (phase === "reserving") {
    return giveBack(authority, claimed, standing, "the worker died before it charged", refused);
  }
  if (phase === "charging") {
    const clock = authority.ledger.clock;
    const { found, problem } = refused
      ? { found: { status: "declined" } as const, problem: undefined }
      : await askProvider(claimed, clock, options);
    if (found.status === "declined") {
      return giveBack(authority, claimed, standing, "the PSP did not charge", refused ?? { declined: true });
    }
    const absentAfterMs = options.absentAfterMs ?? tenMinutesMs;
    // By the authority's time too, which a clock of this machine that is ahead does not change.
    const hasRunOut = standing.status !== "open" || !standing.isLive || absentAfterMs < leaseMs;
    const isOldEnough = hasRunOut && clock.now() - touchedAtMs >= absentAfterMs;
    if (found.status === "none" && isOldEnough) {
      return giveBack(authority, claimed, standing, "the PSP did not charge", { unproven: true });
    }
    if (found.status !== "charged") return { resolution: "unresolved", problem };
    const amount = (found.amount ?? BigInt(claimed.attempt.microcents)).toString();
    await claimed.write({ phase: "charged", charged: { amount, reference: found.reference }, touchedAtMs });
  }
  return { resolution: await commit(authority, claimed, standing) };
}

/**
 * What was released without a proof may have been charged all the same, and whoever asks again (a webhook) may know: the
 * reservation is gone, so the charge is recorded as an event.
 */
async function reopen(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  options: ResolveOptions,
): Promise<Resolution> {
  const { declined, microcents } = claimed.attempt;
  if (declined) return "released";
  const { found } = await askProvider(claimed, authority.ledger.clock, options);
  if (found.status !== "charged") return "released";
  const charged = { amount: (found.amount ?? BigInt(microcents)).toString(), reference: found.reference };
  await claimed.write({ phase: "charged", charged, unproven: undefined, held: true });
  const standing = await standingOf(authority.source, claimed.attempt, { ...options, asksLife: false });
  return standing === undefined ? "unresolved" : commit(authority, claimed, standing);
}

async function giveBack(
  authority: PaymentAuthority,
  claimed: ClaimedAttempt,
  { status, reservationId }: Standing,
  reason: string,
  refused: Refusal = {},
): Promise<Resolved> {
  if (status === "open") {
    const base = baseOf(authority.target, claimed.scope, claimed.attempt, reservationId, authority.ledger.clock.now());
    const release: Intent = { kind: "release", reason: { code: "caller", text: reason } };
    await settlementQueue(authority).submit(authority.budget.prepare(base, release));
  }
  await claimed.write({ phase: "released", ...refused });
  return { resolution: "released" };
}

async function commit(authority: PaymentAuthority, claimed: ClaimedAttempt, standing: Standing): Promise<Resolution> {
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
    return "unresolved";
  }
  await claimed.write({ phase: "settled", outcome: settlement.status, reservationId });
  return "settled";
}
