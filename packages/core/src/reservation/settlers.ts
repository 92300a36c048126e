import { SettlementError, type SpendUnknownError } from "../errors/spend-errors.ts";
import type { Amount } from "../amount/amount.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import type { NewDeadLetter } from "./dead-letters.ts";
import type { Grant, Intent, Settlement, SpendAuthority } from "./port.ts";
import type { Settler } from "./reservation-handle.ts";
import { settlementQueue } from "./settlement-queue.ts";
import type { SpendTracker } from "./spend-tracker.ts";

/** Settles with the authority that granted, through its queue. */
export function authoritySettler(authority: SpendAuthority, grant: Grant, idempotencyKey: string): Settler {
  const queue = settlementQueue(authority);
  const clock = authority.environment?.clock ?? systemClock;
  return {
    async settle(intent, onOutcome) {
      try {
        const stamp = { idempotencyKey, recordedAtMs: clock.now() };
        const settling = authority.prepare(grant, intent, stamp);
        return await queue.submit(
          intent.kind === "commit" ? { ...settling, spent: spentOf(intent) } : settling,
          onOutcome,
        );
      } catch (cause) {
        // `prepare` refused to write what the wire would refuse: money may be gone, so the books must say so.
        const settlement = await refuse(intent, cause);
        queue.observer.emit("settlement", { protocol: authority.protocol, settlement });
        onOutcome(settlement);
        return settlement;
      }
    },
    async abandon(error, knownPart) {
      const letter = letterOf("spend-unknown", authority, grant, idempotencyKey, clock, error.message);
      await queue.bury({ ...letter, spent: knownPart }, error);
    },
  };

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
export function parentSettler(parent: SpendTracker, grant: Grant, idempotencyKey: string): Settler {
  return {
    async settle(intent, onOutcome) {
      const spent = intent.kind === "commit" ? intent.spend.amount : "none";
      parent.settleNested(grant.reserved, spent);
      const status = intent.kind === "commit" ? "recorded" : "released";
      const charged = intent.kind === "commit" ? { charged: intent.spend.amount } : {};
      const settlement: Settlement = { status, reservationId: grant.id, idempotencyKey, ...charged };
      onOutcome(settlement);
      return settlement;
    },
    async abandon() {
      parent.settleNested(grant.reserved, "unknown");
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
): Promise<Settler> {
  const queue = settlementQueue(authority);
  const clock = authority.environment?.clock ?? systemClock;
  const letter = letterOf("bypass", authority, grant, idempotencyKey, clock, reason);
  const { protocol } = authority;
  queue.observer.emit("bypass", { protocol, idempotencyKey, estimate: grant.reserved, reason, error });
  await queue.bury(letter, error);
  const bypassed: Settlement = { status: "bypassed", reservationId: grant.id, idempotencyKey };
  return {
    async settle(intent, onOutcome) {
      if (intent.kind === "commit") await queue.bury({ ...letter, spent: intent.spend.amount }, error);
      else await queue.forget(letter);
      queue.observer.emit("settlement", { protocol, settlement: bypassed });
      onOutcome(bypassed);
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

function spentOf({ spend }: Extract<Intent, { kind: "commit" }>): { readonly unit: string; readonly amount: string } {
  return { unit: spend.amount.unit, amount: spend.amount.amount.toString() };
}
