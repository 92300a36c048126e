/// <reference lib="esnext.disposable" preserve="true" />
import { type Grant, type Settlement, Unit } from "@imprest/core";
import { onAbort, type openOwnReservation, outboxOf, parseJson, stringifyJson } from "@imprest/core/internal";
import type { PaymentAuthority } from "./authority.ts";
import { chargeKind } from "./bodies.ts";
import { Charges, checkReference } from "./charges.ts";
import { commitError, outcomeUnknown } from "./commit-error.ts";
import { minorUnitsOf } from "./currency.ts";
import { AP2CurrencyError, type AP2GuardCommitUncertain, AP2GuardError, type AttemptReference } from "./errors.ts";
import type { Attempt } from "./ledger/attempt.ts";
import type { ClaimedAttempt } from "./ledger/claimed-attempt.ts";
import { SignOfLife } from "./ledger/sign-of-life.ts";
import { lengthenHold } from "./lengthen-hold.ts";
import type { AP2Mandate } from "./mandate.ts";
import type { Charge, Payment, PaymentOptions, PaymentSettlement, PaymentTerms } from "./options.ts";
import { type BodyEnd, type PaymentEnd, endOf } from "./payment-end.ts";
import { judge } from "./psp-outcome.ts";
import { type PaymentReceipt, buildReceipt } from "./receipt.ts";
import { bytesOf } from "./text.ts";
import { abortedReason, baseOf, bookingOf, commitIntent, failedReason } from "./settlement-bodies.ts";

/** Half of the metadata that an authority takes with a commit; the rest is for references. */
const mostFieldBytes = 8_192;

/** What an open payment stands on. */
export interface PaymentContext {
  readonly authority: PaymentAuthority;
  readonly claimed: ClaimedAttempt;
  readonly mandate: AP2Mandate;
  readonly terms: PaymentTerms;
  readonly options: PaymentOptions;
  readonly microcents: bigint;
  readonly grant: Pick<Grant, "decision" | "caps">;
}

/** What the kernel opens for a payment. */
export type OwnReservation = Awaited<ReturnType<typeof openOwnReservation>>;

/** The one implementation of `Payment`: decides, once, how a payment ends, and records each phase. */
export class PaymentHandle implements Payment {
  readonly #context: PaymentContext;
  readonly #reservation: OwnReservation;
  readonly #abort = new AbortController();
  readonly #unlink: () => void;
  #fields: Readonly<Record<string, unknown>> = {};
  readonly #charges: Charges;
  #isCharging: boolean;
  /** The body has what it needs to reach the PSP. */
  #hasKey = false;
  /** A charge that was prepared after another was stated, until one is stated again. */
  #pending: string | undefined;
  #abortReason: string | undefined;
  #receipt: PaymentReceipt | undefined;
  readonly #signOfLife: SignOfLife;
  #ended = false;

  constructor(context: PaymentContext, reservation: OwnReservation) {
    this.#context = context;
    this.#reservation = reservation;
    this.#charges = new Charges(context.microcents);
    this.#isCharging = context.claimed.attempt.phase === "charging";
    // `({ charged }) => …` must not lose a charge: a TypeError after the money moved says nothing of it.
    this.charging = this.charging.bind(this);
    this.charged = this.charged.bind(this);
    this.attachReceiptFields = this.attachReceiptFields.bind(this);
    this.abort = this.abort.bind(this);
    this.finish = this.finish.bind(this);
    context.authority.live.add(context.claimed.attempt.claim);
    this.#unlink = onAbort(reservation.signal, () => this.#abort.abort(reservation.signal.reason));
    const { clock } = context.authority.ledger;
    this.#signOfLife = new SignOfLife(context.claimed, clock, {
      onLost: (error) => this.#abort.abort(error),
      onFailure: (error) => this.#report(error),
    });
  }

  get reservationId(): string {
    return this.#reservation.id;
  }

  get attempt(): AttemptReference {
    const { claimed } = this.#context;
    return { record: claimed.record, claim: claimed.attempt.claim };
  }

  get decision(): Payment["decision"] {
    return this.#context.grant.decision;
  }

  get caps(): Payment["caps"] {
    return this.#context.grant.caps;
  }

  get microcents(): bigint {
    return this.#context.microcents;
  }

  get currency(): string {
    return this.#context.mandate.currency.toUpperCase();
  }

  get minorUnits(): bigint {
    const { amount, isRefund } = this.#context.claimed.attempt;
    if (isRefund && this.currency !== "USD") {
      throw new AP2CurrencyError(`A refund is stated in dollars, and the payment was made in ${this.currency}.`);
    }
    return minorUnitsOf(BigInt(amount), this.currency);
  }

  get pspIdempotencyKey(): string {
    this.#hasKey = true;
    return this.#context.claimed.pspKey;
  }

  get reference(): string | undefined {
    return this.#context.claimed.pspReference;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async charging({ reference }: { readonly reference?: string } = {}): Promise<void> {
    this.#assertOpen("charging()");
    if (this.#isCharging && reference === undefined) return;
    const noted = reference === undefined ? {} : { reference: checkReference(reference) };
    // Money that moved has moved: the phase never goes back.
    const pending = this.#charges.has(reference) ? this.#pending : reference;
    const further = this.#hasCharged ? { pending } : { phase: "charging" as const };
    await this.#context.claimed.write({ reservationId: this.reservationId, ...noted, ...further });
    if (this.#hasCharged) this.#pending = pending;
    this.#isCharging = true;
  }

  async charged(charge: Charge = {}): Promise<void> {
    this.#assertOpen("charged()");
    // Whatever is said here, the PSP was reached.
    this.#isCharging = true;
    try {
      this.#charges.add(charge);
    } catch (error) {
      if (!this.#charges.isClear) await this.#record({ phase: "charging", reservationId: this.reservationId });
      throw error;
    }
    this.#pending = undefined;
    const lost = await this.#record({
      phase: "charged",
      pending: undefined,
      charged: this.#charges.record,
      reservationId: this.reservationId,
    });
    if (lost) throw lost;
  }

  attachReceiptFields(fields: Readonly<Record<string, unknown>>): void {
    this.#assertOpen("attachReceiptFields()");
    // What JSON cannot hold would keep the commit from being written, after the money has moved.
    const plain = parseJson(stringifyJson(fields)) as Readonly<Record<string, unknown>>;
    const all = { ...this.#fields, ...plain };
    const bytes = bytesOf(all);
    if (bytes > mostFieldBytes) {
      throw used(
        `attachReceiptFields() takes ${mostFieldBytes} bytes in all, and these are ${bytes}: the authority would refuse the commit.`,
      );
    }
    this.#fields = all;
  }

  abort(reason: string): void {
    this.#assertOpen("abort()");
    if (this.#hasCharged || !this.#charges.isClear)
      throw used("abort() was called after charged(); money has moved, so nothing can be given back.");
    this.#abortReason = reason;
  }

  /** Ends a payment whose body returned `value`. @throws AP2GuardCommitUncertain, AP2GuardCommitFailed. */
  async finish(value?: unknown): Promise<PaymentSettlement> {
    const end = this.#endOf("returned");
    if (end === "hold") throw await this.#hold(undefined);
    if (end === "commit") return this.#withReceipt(await this.#commit(value));
    return this.#release(abortedReason(this.#abortReason ?? ""));
  }

  /** Ends a payment whose body threw. @returns what to throw: the body's own error when it is clear what became of the money. */
  async fail(error: unknown): Promise<unknown> {
    const end = this.#endOf(judge(this.#context.options.classify, error));
    if (end === "commit") {
      const unsettled = await this.#commit(undefined, error).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      return unsettled ?? error;
    }
    if (end === "hold" && (this.#context.terms.compat !== "python" || !this.#charges.isClear || this.#hasCharged))
      return this.#hold(error);
    const reason = this.#abortReason === undefined ? failedReason(error) : abortedReason(this.#abortReason);
    // A release is no proof: only what is known not to have been charged leaves the mandate free for another attempt.
    if (end === "hold") await this.#release(reason, { held: true });
    else await this.#release(reason, { phase: "released", ...(end === "declined" && { declined: true }) });
    return error;
  }

  /** `await using` cannot see whether its scope threw: what was not committed is released when surely not charged, else held. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const end = this.#endOf("left");
    if (end === "hold") throw await this.#hold(undefined);
    if (end === "commit") await this.#commit(undefined);
    else await this.#release(abortedReason(this.#abortReason ?? "the scope ended"));
  }

  #endOf(how: BodyEnd): PaymentEnd {
    const facts = {
      isClear: this.#charges.isClear,
      hasCharged: this.#hasCharged,
      isPending: this.#pending !== undefined,
      isAborted: this.#abortReason !== undefined,
      mayHaveReached: this.#isCharging || this.#hasKey,
    };
    return endOf(facts, how);
  }

  #commit(value: unknown, cause?: unknown): Promise<Settlement> {
    return this.#ending(() => this.#book(value, cause));
  }

  async #book(value: unknown, cause: unknown): Promise<Settlement> {
    const { authority, claimed } = this.#context;
    const { booked, metadata } = bookingOf(
      claimed.attempt,
      this.#charges.assume(),
      this.#charges.metadata(this.#fields),
    );
    const nowMs = authority.ledger.clock.now();
    const base = baseOf(authority.target, claimed.scope, claimed.attempt, this.reservationId, nowMs);
    const { body, fallback } = authority.budget.prepare(base, commitIntent(booked, metadata));
    // The record and the commit go out together. Either one alone shows `recover` that money moved: the record by itself,
    // the commit by the reservation's status; so neither has to wait for the other.
    const recorded = this.#record({
      phase: "charged",
      charged: this.#charges.record,
      reservationId: this.reservationId,
      commit: { body, fallback },
    });
    const actual = { unit: Unit.usdMicrocents, amount: booked };
    const [settlement] = await Promise.all([this.#reservation.commit(actual, undefined, { metadata }), recorded]);
    if (settlement.status === "committed" || settlement.status === "recorded") return settlement;
    throw commitError(settlement, { reservationId: this.reservationId, attempt: this.attempt, value }, cause);
  }

  /** Gives the budget back, and leaves the mandate as `end` says: free for another attempt, unless it says otherwise. */
  #release(reason: string, end: Partial<Attempt> = { phase: "released" }): Promise<Settlement> {
    return this.#ending(async () => {
      const settlement = await this.#reservation.release(reason);
      await this.#record({ ...end, reservationId: this.reservationId });
      return settlement;
    });
  }

  /** Leaves everything as it is: whether the PSP charged is for `reconcile` or `recover` to find out. */
  #hold(cause: unknown): Promise<AP2GuardCommitUncertain> {
    return this.#ending(async () => {
      const { authority, claimed } = this.#context;
      const advice = "recover(authority, { lookupCharge }) asks the PSP and settles.";
      await this.#reservation.abandon(undefined, cause, advice);
      // Of a charge that was stated in part, the PSP is asked for the whole.
      const unclear = this.#charges.isClear ? {} : { phase: "charging" as const, charged: undefined };
      const lost = await this.#record({ held: true, reservationId: this.reservationId, ...unclear });
      // A hold that no record names would end with its day alone.
      if (lost === undefined) await lengthenHold(authority, this.#reservation.grant, claimed.key("hold"));
      return outcomeUnknown(this.reservationId, this.attempt, cause);
    });
  }

  /**
   * Keeps the record in step with what became of a settlement, at once or later.
   * @returns what the caller's listener returned. @throws what it throws; both go to the kernel.
   */
  settled(settlement: Settlement): unknown {
    const { authority, options } = this.#context;
    const { status } = settlement;
    if (this.#hasCharged && (status === "committed" || status === "recorded" || status === "rejected")) {
      // What was charged once more: the write before it may have failed.
      const charged = { charged: this.#charges.record };
      const change =
        status === "rejected"
          ? { ...charged, outcome: status }
          : { ...charged, phase: "settled" as const, outcome: status };
      // Nobody waits for it: a crash before it costs one idempotent repetition of the commit.
      authority.track(this.#record(change));
    }
    return options.onSettlement?.(this.#withReceipt(settlement));
  }

  /**
   * Money has moved: a record that cannot be written is reported, and the payment goes on.
   * @returns the error when another worker took the payment over, and may have booked less.
   */
  async #record(change: Parameters<ClaimedAttempt["write"]>[0]): Promise<AP2GuardError | undefined> {
    try {
      await this.#context.claimed.write(change);
      return undefined;
    } catch (error) {
      this.#report(error);
      if (!AP2GuardError.isInstance(error) || error.code !== "ERR_AP2_CLAIM_LOST") return undefined;
      this.#abort.abort(error);
      return error;
    }
  }

  #report(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error("the record store failed", { cause });
    const { reservationId } = this;
    outboxOf(this.#context.authority).observer?.emit("record-failure", { protocol: "ap2", reservationId, error });
  }

  get #hasCharged(): boolean {
    return this.#charges.total !== undefined;
  }

  #withReceipt(settlement: Settlement): PaymentSettlement {
    const isBooked = settlement.status === "committed" || settlement.status === "recorded";
    if (!isBooked || this.#context.options.emitReceipt === false) return settlement;
    return { ...settlement, receipt: (this.#receipt ??= this.#receiptOf(settlement)) };
  }

  #receiptOf(settlement: Settlement): PaymentReceipt {
    const { authority, mandate, terms } = this.#context;
    return buildReceipt({
      mandate,
      decision: this.decision,
      reservationId: this.reservationId,
      tenant: terms.tenant,
      agent: terms.agent,
      actionKind: terms.actionKind ?? chargeKind,
      amount: this.#charges.total ?? this.microcents,
      issuedAtMs: authority.ledger.clock.now(),
      committed: true,
      fields: this.#charges.metadata(this.#fields),
      evidence: settlement.evidence,
    });
  }

  /** The one end of a payment. After it `recover` of this process may take it over: its end is written, or could not be. */
  async #ending<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#assertOpen("The payment");
    this.#ended = true;
    this.#signOfLife.stop();
    this.#unlink();
    try {
      return await work();
    } finally {
      this.#context.authority.live.delete(this.#context.claimed.attempt.claim);
    }
  }

  #assertOpen(what: string): void {
    if (this.#ended) throw used(`${what} was called on a payment that has ended.`);
  }
}

function used(message: string): AP2GuardError {
  return new AP2GuardError("ERR_AP2_PAYMENT_ENDED", message);
}
