import type { Amount } from "../amount/amount.ts";
import type { SpendAuthority } from "../authority/authority.ts";
import type { Grant } from "../authority/grant.ts";
import type { GuardedCall } from "../authority/observer.ts";
import type { Intent, Settlement } from "../authority/settlement.ts";
import { SettlementError, type SpendUnknownError } from "../errors/spend-errors.ts";
import type { NewDeadLetter } from "../settlement/dead-letters.ts";
import type { OnOutcome } from "../settlement/delivery.ts";
import { type Outbox, outboxOf } from "../settlement/outbox.ts";

/** Where the guarded call runs: here, within a parent perhaps; `"not-here"` where another process, or nobody, made it. */
export type CallPlace = { readonly parentReservationId: string | undefined } | "not-here";

/** What is written of one reservation where its authority does not keep the books. */
export class ReservationBooks {
  readonly outbox: Outbox;
  readonly #grant: Grant;
  readonly #idempotencyKey: string;
  readonly #call: CallPlace;
  readonly #startedAtMs: number;
  readonly #started: number;
  #lateLetters: Promise<void> | undefined;

  constructor(authority: SpendAuthority, grant: Grant, idempotencyKey: string, call: CallPlace) {
    this.outbox = outboxOf(authority);
    this.#call = call;
    const { clock } = this.outbox;
    this.#startedAtMs = clock.now();
    this.#started = clock.monotonic();
    this.#grant = grant;
    this.#idempotencyKey = idempotencyKey;
  }

  outcome(status: Settlement["status"]): Settlement {
    return { status, reservationId: this.#grant.id, idempotencyKey: this.#idempotencyKey };
  }

  /** The guarded call as an observer sees it, at its end; nothing is made for nobody. */
  callOf(intent: Intent): GuardedCall | undefined {
    const { observer, clock } = this.outbox;
    if (observer === undefined || this.#call === "not-here") return undefined;
    const { action, subject } = this.#grant.request;
    return {
      action,
      subject,
      metrics: intent.kind === "commit" ? intent.spend.metrics : undefined,
      released: intent.kind === "release" ? intent.reason : undefined,
      startedAtMs: this.#startedAtMs,
      durationMs: clock.monotonic() - this.#started,
      parentReservationId: this.#call.parentReservationId,
    };
  }

  letter(kind: NewDeadLetter["kind"], reason: string): NewDeadLetter {
    const { authority, clock } = this.outbox;
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

  /** Reports an end that no delivery reports. */
  report(settlement: Settlement, onOutcome: OnOutcome, intent: Intent): Settlement {
    const { authority, observer } = this.outbox;
    observer?.emit("settlement", { protocol: authority.protocol, settlement, call: this.callOf(intent) });
    onOutcome(settlement, true);
    return settlement;
  }

  /** A settlement that cannot be made: `spent`, where there is something, becomes a dead letter. */
  async refuse(message: string, spent: Amount | undefined, cause?: unknown): Promise<Settlement> {
    const outcome = this.outcome("rejected");
    const error = new SettlementError(message, { ...outcome, spendHappened: spent !== undefined }, { cause });
    const reason = cause instanceof Error ? cause.message : message;
    if (spent !== undefined) await this.outbox.bury({ ...this.letter("refused", reason), spent }, error);
    return { ...outcome, error };
  }

  /** A spend that was stated after the end. `flush` and `close` wait for its letter. */
  late(spent: Amount | undefined): void {
    const reason = "The spend was stated after the reservation had ended.";
    const fields = { ...this.outcome("rejected"), spendHappened: true };
    const letter = { ...this.letter("late", reason), spent };
    // One after the other: each replaces the one before it, and the last one is the whole.
    this.#lateLetters = (this.#lateLetters ?? Promise.resolve()).then(async () => {
      await this.outbox.bury(letter, new SettlementError(reason, fields));
    });
    this.outbox.keepHouse(this.#lateLetters);
  }

  async abandon(error: SpendUnknownError, spent: Amount | undefined): Promise<void> {
    await this.outbox.bury({ ...this.letter("spend-unknown", error.message), spent }, error);
  }
}
