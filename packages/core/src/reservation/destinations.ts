import type { Amount } from "../amount/amount.ts";
import { SettlementError, type SpendUnknownError } from "../errors/spend-errors.ts";
import type { NewDeadLetter } from "../settlement/dead-letters.ts";
import type { Grant, Intent, Settlement, Settling, SpendAuthority } from "../authority/authority.ts";
import type { ReservationHandle, Settler } from "./reservation-handle.ts";
import type { OnOutcome } from "../settlement/delivery.ts";
import { type Settlements, settlementsOf } from "../settlement/outbox.ts";
import type { SpendTracker } from "./spend-tracker.ts";

/** Settles with the authority that granted, through its queue. */
export function authoritySettler(
  authority: SpendAuthority,
  grant: Grant,
  idempotencyKey: string,
  traceparent: string | undefined,
): Settler {
  const books = new Books(authority, grant, idempotencyKey);
  const { settlements } = books;
  return {
    async settle(intent, onOutcome) {
      let settling: Settling;
      try {
        settling = { ...prepare(intent), traceparent };
      } catch (cause) {
        // `prepare` refused to write what the wire would refuse: money may be gone, so the books must say so.
        const why = cause instanceof Error ? cause.message : "prepare failed";
        const message = `The ${intent.kind} of reservation ${grant.id} could not be written: ${why}`;
        const spent = intent.kind === "commit" ? intent.spend.amount : undefined;
        return books.tell(await books.refuse(message, spent, cause), onOutcome);
      }
      return settlements.submit(settling, onOutcome);
    },
    abandon: (error, spent) => books.abandon(error, spent),
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
  const books = new Books(authority, grant, idempotencyKey);

  async function settle(intent: Intent): Promise<Settlement> {
    const isLate = parent.ended;
    parent.tracker.settleNested(nested, intent.kind === "commit" ? intent.spend.amount : "none");
    if (intent.kind === "release") return books.outcome("released");
    const { amount: charged } = intent.spend;
    if (!isLate) return { ...books.outcome("recorded"), charged };
    // The parent has settled without this spend, so an operator must add it to the books.
    const message = `Reservation ${grant.id} spent after its parent had settled. The spend is kept as a dead letter.`;
    return books.refuse(message, charged);
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
      if (isLate) await books.abandon(error, spent);
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
  const books = new Books(authority, grant, idempotencyKey);
  const { settlements } = books;
  const letter = books.letter("bypass", reason);
  const { protocol } = authority;
  settlements.observer?.emit("bypass", { protocol, idempotencyKey, estimate: grant.reserved, reason, error });
  await settlements.bury(letter, error);
  return {
    forget: () => settlements.forget(letter),
    async settle(intent, onOutcome) {
      if (intent.kind === "commit") await settlements.bury({ ...letter, spent: intent.spend.amount }, error);
      else await settlements.forget(letter);
      return books.tell(books.outcome("bypassed"), onOutcome);
    },
    async abandon(unknown, spent) {
      await settlements.bury({ ...letter, spent }, unknown);
    },
  };
}

/** What is written of one reservation where its authority does not keep the books. */
class Books {
  readonly settlements: Settlements;
  readonly #grant: Grant;
  readonly #idempotencyKey: string;

  constructor(authority: SpendAuthority, grant: Grant, idempotencyKey: string) {
    this.settlements = settlementsOf(authority);
    this.#grant = grant;
    this.#idempotencyKey = idempotencyKey;
  }

  outcome(status: Settlement["status"]): Settlement {
    return { status, reservationId: this.#grant.id, idempotencyKey: this.#idempotencyKey };
  }

  letter(kind: NewDeadLetter["kind"], reason: string): NewDeadLetter {
    const { authority, clock } = this.settlements;
    return {
      kind,
      protocol: authority.protocol,
      reservationId: this.#grant.id,
      idempotencyKey: this.#idempotencyKey,
      recordedAtMs: clock.now(),
      reason,
      estimate: this.#grant.reserved,
    };
  }

  /** Tells an end that no task tells of. */
  tell(settlement: Settlement, onOutcome: OnOutcome): Settlement {
    const { authority, observer } = this.settlements;
    observer?.emit("settlement", { protocol: authority.protocol, settlement });
    onOutcome(settlement, true);
    return settlement;
  }

  /** A settlement that cannot be made: `spent`, where there is something, becomes a dead letter. */
  async refuse(message: string, spent: Amount | undefined, cause?: unknown): Promise<Settlement> {
    const outcome = this.outcome("rejected");
    const error = new SettlementError(message, { ...outcome, spendHappened: spent !== undefined }, { cause });
    const reason = cause instanceof Error ? cause.message : message;
    if (spent !== undefined) await this.settlements.bury({ ...this.letter("refused", reason), spent }, error);
    return { ...outcome, error };
  }

  async abandon(error: SpendUnknownError, spent: Amount | undefined): Promise<void> {
    await this.settlements.bury({ ...this.letter("spend-unknown", error.message), spent }, error);
  }
}
