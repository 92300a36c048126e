import { writeAmount } from "../amount/amount-text.ts";
import type { SpendAuthority } from "../authority/authority.ts";
import type { Grant } from "../authority/grant.ts";
import type { Intent, Settlement, SettlementInstruction } from "../authority/settlement.ts";
import type { Destination } from "./destination.ts";
import { exportReservation } from "./exported-reservation.ts";
import { type CallPlace, ReservationBooks } from "./reservation-books.ts";
import type { ReservationHandle } from "./reservation-handle.ts";
import type { SpendTracker } from "./spend-tracker.ts";

/** Settles with the authority that granted, through its queue. */
export function authorityDestination(
  authority: SpendAuthority,
  grant: Grant,
  idempotencyKey: string,
  traceparent: string | undefined,
  call: CallPlace,
): Destination {
  const books = new ReservationBooks(authority, grant, idempotencyKey, call);
  const { outbox } = books;
  return {
    logger: books.outbox.logger,
    async settle(intent, onOutcome) {
      let instruction: SettlementInstruction;
      try {
        instruction = { ...prepare(intent), traceparent };
      } catch (cause) {
        // `prepare` refused to write what the wire would refuse: money may be gone, so the books must say so.
        const why = cause instanceof Error ? cause.message : "prepare failed";
        const message = `The ${intent.kind} of reservation ${grant.id} could not be written: ${why}`;
        const spent = intent.kind === "commit" ? intent.spend.amount : undefined;
        return books.report(await books.refuse(message, spent, cause), onOutcome, intent);
      }
      return outbox.submit(instruction, onOutcome, books.callOf(intent));
    },
    abandon: (error, spent) => books.abandon(error, spent),
    late: (spent) => books.late(spent),
    get exported() {
      return exportReservation(authority, grant, idempotencyKey, traceparent);
    },
  };

  /** The frozen settlement. What only decorates a spend must not keep it out of the books. */
  function prepare(intent: Intent): SettlementInstruction {
    const stamp = { idempotencyKey, recordedAtMs: outbox.clock.now() };
    if (intent.kind === "release") return authority.prepare(grant, intent, stamp);
    const { amount, basis } = intent.spend;
    const spent = writeAmount(amount);
    try {
      return { ...authority.prepare(grant, intent, stamp), spent };
    } catch (error) {
      const bare: Intent = { kind: "commit", spend: { amount, basis } };
      const instruction = { ...authority.prepare(grant, bare, stamp), spent };
      const reason = error instanceof Error ? error.message : "unknown";
      const fields = { reservationId: grant.id, reason };
      outbox.logger?.warn("a spend was settled without its metrics and metadata", fields);
      return instruction;
    }
  }
}

/** Counts a nested reservation's spend as its parent's; nothing is sent. */
export function parentDestination(
  authority: SpendAuthority,
  parent: ReservationHandle,
  nested: SpendTracker,
  grant: Grant,
  idempotencyKey: string,
): Destination {
  const books = new ReservationBooks(authority, grant, idempotencyKey, { parentReservationId: parent.id });

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
    logger: books.outbox.logger,
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
    late: (spent) => books.late(spent),
    exported: undefined,
  };
}

/** Keeps the books of a call that `failOpen` let run: one dead letter, written before it starts. */
export async function bypassDestination(
  authority: SpendAuthority,
  grant: Grant,
  idempotencyKey: string,
  reason: string,
  error: Error,
  parentReservationId: string | undefined,
): Promise<Destination & { forget(): Promise<void> }> {
  const books = new ReservationBooks(authority, grant, idempotencyKey, { parentReservationId });
  const { outbox } = books;
  const letter = books.letter("bypass", reason);
  const { protocol } = authority;
  outbox.observer?.emit("bypass", { protocol, idempotencyKey, estimate: grant.reserved, reason, error });
  const fields = { protocol, idempotencyKey, reason, error: error.message };
  outbox.logger?.warn("a guarded call runs without a reservation (failOpen)", fields);
  await outbox.bury(letter, error);
  return {
    logger: books.outbox.logger,
    forget: () => outbox.forget(letter),
    async settle(intent, onOutcome) {
      if (intent.kind === "commit") await outbox.bury({ ...letter, spent: intent.spend.amount }, error);
      else await outbox.forget(letter);
      return books.report(books.outcome("bypassed"), onOutcome, intent);
    },
    async abandon(unknown, spent) {
      await outbox.bury({ ...letter, spent }, unknown);
    },
    late: (spent) => books.late(spent),
    exported: undefined,
  };
}
