import { SettlementError, type SpendUnknownError } from "../errors/spend-errors.ts";
import type { Amount } from "../amount/amount.ts";
import type { NewDeadLetter } from "./dead-letters.ts";
import type { Grant, Intent, Settlement, Settling, SpendAuthority } from "./port.ts";
import type { ReservationHandle, Settler } from "./reservation-handle.ts";
import { settlementsOf } from "./settlements.ts";
import type { OnOutcome } from "./settlement-task.ts";
import type { SpendTracker } from "./spend-tracker.ts";

/** Settles with the authority that granted, through its queue. */
export function authoritySettler(authority: SpendAuthority, grant: Grant, idempotencyKey: string): Settler {
  const settlements = settlementsOf(authority);
  return {
    async settle(intent, onOutcome) {
      let settling: Settling;
      try {
        settling = prepare(intent);
      } catch (cause) {
        // `prepare` refused to write what the wire would refuse: money may be gone, so the books must say so.
        const why = cause instanceof Error ? cause.message : "prepare failed";
        const message = `The ${intent.kind} of reservation ${grant.id} could not be written: ${why}`;
        const spent = intent.kind === "commit" ? intent.spend.amount : undefined;
        return tell(authority, await refuse(authority, grant, idempotencyKey, message, spent, why, cause), onOutcome);
      }
      return settlements.submit(settling, onOutcome);
    },
    abandon: (error, spent) => abandon(authority, grant, idempotencyKey, error, spent),
  };

  /** The frozen settlement. What only decorates a spend must not keep it out of the books. */
  function prepare(intent: Intent): Settling {
    const stamp = { idempotencyKey, recordedAtMs: settlements.clock.now() };
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

  async function settle(intent: Intent): Promise<Settlement> {
    const isLate = parent.ended;
    const base = { reservationId, idempotencyKey };
    parent.tracker.settleNested(nested, intent.kind === "commit" ? intent.spend.amount : "none");
    if (intent.kind === "release") return { status: "released", ...base };
    const { amount: charged } = intent.spend;
    if (!isLate) return { status: "recorded", ...base, charged };
    // The parent has settled without this spend, so an operator must add it to the books.
    const message = `Reservation ${reservationId} spent after its parent had settled. The spend is kept as a dead letter.`;
    return refuse(authority, grant, idempotencyKey, message, charged);
  }

  return {
    async settle(intent, onOutcome) {
      const settlement = await settle(intent);
      onOutcome(settlement, true);
      return settlement;
    },
    async abandon(error, spent) {
      const isLate = parent.ended;
      parent.tracker.settleNested(nested, "unknown");
      if (isLate) await abandon(authority, grant, idempotencyKey, error, spent);
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
  const settlements = settlementsOf(authority);
  const letter = letterOf("bypass", authority, grant, idempotencyKey, reason);
  const { protocol } = authority;
  settlements.observer?.emit("bypass", { protocol, idempotencyKey, estimate: grant.reserved, reason, error });
  await settlements.bury(letter, error);
  return {
    forget: () => settlements.forget(letter),
    async settle(intent, onOutcome) {
      if (intent.kind === "commit") await settlements.bury({ ...letter, spent: intent.spend.amount }, error);
      else await settlements.forget(letter);
      return tell(authority, { status: "bypassed", reservationId: grant.id, idempotencyKey }, onOutcome);
    },
    async abandon(unknown: SpendUnknownError, spent: Amount | undefined) {
      await settlements.bury({ ...letter, spent }, unknown);
    },
  };
}

/** An end that no task tells of. */
function tell(authority: SpendAuthority, settlement: Settlement, onOutcome: OnOutcome): Settlement {
  settlementsOf(authority).observer?.emit("settlement", { protocol: authority.protocol, settlement });
  onOutcome(settlement, true);
  return settlement;
}

/** A settlement that cannot be made: `spent`, where there is something, becomes a dead letter. */
async function refuse(
  authority: SpendAuthority,
  grant: Grant,
  idempotencyKey: string,
  message: string,
  spent: Amount | undefined,
  reason: string = message,
  cause?: unknown,
): Promise<Settlement> {
  const fields = { spendHappened: spent !== undefined, reservationId: grant.id, idempotencyKey };
  const error = new SettlementError(message, fields, { cause });
  if (spent !== undefined) {
    await settlementsOf(authority).bury(
      { ...letterOf("refused", authority, grant, idempotencyKey, reason), spent },
      error,
    );
  }
  return { status: "rejected", reservationId: grant.id, idempotencyKey, error };
}

async function abandon(
  authority: SpendAuthority,
  grant: Grant,
  idempotencyKey: string,
  error: SpendUnknownError,
  spent: Amount | undefined,
): Promise<void> {
  const letter = letterOf("spend-unknown", authority, grant, idempotencyKey, error.message);
  await settlementsOf(authority).bury({ ...letter, spent }, error);
}

function letterOf(
  kind: NewDeadLetter["kind"],
  authority: SpendAuthority,
  { id: reservationId, reserved: estimate }: Grant,
  idempotencyKey: string,
  reason: string,
): NewDeadLetter {
  const recordedAtMs = settlementsOf(authority).clock.now();
  return { kind, protocol: authority.protocol, reservationId, idempotencyKey, recordedAtMs, reason, estimate };
}
