import { SettlementError, type SpendUnknownError } from "../errors/spend-errors.ts";
import type { Amount } from "../amount/amount.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import type { NewDeadLetter } from "./dead-letters.ts";
import type { Grant, Intent, Settlement, Settling, SpendAuthority } from "./port.ts";
import type { ReservationHandle, Settler } from "./reservation-handle.ts";
import { settlementQueue } from "./settlement-queue.ts";
import type { SpendTracker } from "./spend-tracker.ts";

/** Settles with the authority that granted, through its queue. */
export function authoritySettler(authority: SpendAuthority, grant: Grant, idempotencyKey: string): Settler {
  const queue = settlementQueue(authority);
  const clock = authority.environment?.clock ?? systemClock;
  return {
    async settle(intent, onOutcome) {
      try {
        return await queue.submit(prepare(intent), onOutcome);
      } catch (cause) {
        // `prepare` refused to write what the wire would refuse: money may be gone, so the books must say so.
        const settlement = await refuse(intent, cause);
        queue.observer.emit("settlement", { protocol: authority.protocol, settlement });
        onOutcome(settlement, true);
        return settlement;
      }
    },
    async abandon(error, knownPart) {
      const letter = letterOf("spend-unknown", authority, grant, idempotencyKey, clock, error.message);
      await queue.bury({ ...letter, spent: knownPart }, error);
    },
  };

  /** The frozen settlement. What only decorates a spend must not keep it out of the books. */
  function prepare(intent: Intent): Settling {
    const stamp = { idempotencyKey, recordedAtMs: clock.now() };
    if (intent.kind === "release") return authority.prepare(grant, intent, stamp);
    const { amount, basis } = intent.spend;
    const spent = { unit: amount.unit, amount: amount.amount.toString() };
    try {
      return { ...authority.prepare(grant, intent, stamp), spent };
    } catch (error) {
      const bare: Intent = { kind: "commit", spend: { amount, basis } };
      const settling = { ...authority.prepare(grant, bare, stamp), spent };
      const reason = error instanceof Error ? error.message : "unknown";
      const fields = { reservationId: grant.id, reason };
      authority.environment?.logger?.warn("a spend was settled without its metrics and metadata", fields);
      return settling;
    }
  }

  async function refuse(intent: Intent, cause: unknown): Promise<Settlement> {
    const reservationId = grant.id;
    const why = cause instanceof Error ? cause.message : "prepare failed";
    const spendHappened = intent.kind === "commit";
    const message = `The ${intent.kind} of reservation ${reservationId} could not be written: ${why}`;
    const error = new SettlementError(message, { spendHappened, reservationId, idempotencyKey }, { cause });
    if (intent.kind === "commit") {
      const letter = letterOf("refused", authority, grant, idempotencyKey, clock, why);
      await queue.bury({ ...letter, spent: intent.spend.amount }, error);
    }
    return { status: "rejected", reservationId, idempotencyKey, error };
  }
}

/** Counts a nested reservation's spend as its parent's; nothing is sent. */
export function parentSettler(
  authority: SpendAuthority,
  parent: ReservationHandle,
  nested: SpendTracker,
  grant: Grant,
  idempotencyKey: string,
): Settler {
  const reservationId = grant.id;
  const base = { reservationId, idempotencyKey };
  const queue = settlementQueue(authority);
  const clock = authority.environment?.clock ?? systemClock;

  /** The parent has settled without this spend, so an operator must add it to the books. */
  async function tooLate(spent: Amount): Promise<Settlement> {
    const message = `Reservation ${reservationId} spent after its parent had settled. The spend is kept as a dead letter.`;
    const error = new SettlementError(message, { spendHappened: true, ...base });
    await queue.bury({ ...letterOf("refused", authority, grant, idempotencyKey, clock, message), spent }, error);
    return { status: "rejected", ...base, error };
  }

  async function settle(intent: Intent): Promise<Settlement> {
    const isLate = parent.ended;
    parent.tracker.settleNested(nested, intent.kind === "commit" ? intent.spend.amount : "none");
    if (intent.kind === "release") return { status: "released", ...base };
    const { amount: charged } = intent.spend;
    return isLate ? tooLate(charged) : { status: "recorded", ...base, charged };
  }

  return {
    async settle(intent, onOutcome) {
      const settlement = await settle(intent);
      onOutcome(settlement, true);
      return settlement;
    },
    async abandon(error, knownPart) {
      const isLate = parent.ended;
      parent.tracker.settleNested(nested, "unknown");
      if (!isLate) return;
      const letter = letterOf("spend-unknown", authority, grant, idempotencyKey, clock, error.message);
      await queue.bury({ ...letter, spent: knownPart }, error);
    },
  };
}

/** Keeps the books of a call that `failOpen` let run: one dead letter, written before it starts. */
export async function bypassSettler(
  authority: SpendAuthority,
  grant: Grant,
  idempotencyKey: string,
  reason: string,
  error: Error,
): Promise<Settler & { forget(): Promise<void> }> {
  const queue = settlementQueue(authority);
  const clock = authority.environment?.clock ?? systemClock;
  const letter = letterOf("bypass", authority, grant, idempotencyKey, clock, reason);
  const { protocol } = authority;
  queue.observer.emit("bypass", { protocol, idempotencyKey, estimate: grant.reserved, reason, error });
  await queue.bury(letter, error);
  const bypassed: Settlement = { status: "bypassed", reservationId: grant.id, idempotencyKey };
  return {
    forget: () => queue.forget(letter),
    async settle(intent, onOutcome) {
      if (intent.kind === "commit") await queue.bury({ ...letter, spent: intent.spend.amount }, error);
      else await queue.forget(letter);
      queue.observer.emit("settlement", { protocol, settlement: bypassed });
      onOutcome(bypassed, true);
      return bypassed;
    },
    async abandon(unknown: SpendUnknownError, knownPart: Amount | undefined) {
      await queue.bury({ ...letter, spent: knownPart }, unknown);
    },
  };
}

function letterOf(
  kind: NewDeadLetter["kind"],
  { protocol }: SpendAuthority,
  { id: reservationId, reserved: estimate }: Grant,
  idempotencyKey: string,
  clock: Clock,
  reason: string,
): NewDeadLetter {
  return { kind, protocol, reservationId, idempotencyKey, recordedAtMs: clock.now(), reason, estimate };
}
