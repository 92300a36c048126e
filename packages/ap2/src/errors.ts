import { AuthorityUnreachableError, type Cap, DeniedError, type EvidenceReference, ImprestError } from "@imprest/core";
import { type ErrorOptionsWithCause } from "@imprest/core/internal";

/** Every code of the payment guard's own errors. */
export type AP2ErrorCode =
  /**
   * This call paid nothing: the mandate is used or in use, or its rules allow no more. Remedy: Read `phase`: `settled` and
   * `charged` are paid, `charging` may be, and `recover` finds out; without one the message names the rule.
   */
  | "ERR_AP2_ALREADY_CONSUMED"
  /** Another worker took the attempt over. Remedy: Leave it to that worker. */
  | "ERR_AP2_CLAIM_LOST"
  /** The commit was refused after the charge. Remedy: A dead letter holds it; book it by hand. */
  | "ERR_AP2_COMMIT_FAILED"
  /** Whether the charge or the commit went through is open. Remedy: `recover`, or `reconcile(attempt)`. */
  | "ERR_AP2_COMMIT_UNCERTAIN"
  /** The mandate is not in US dollars and nothing converts it. Remedy: Give a `quote`. */
  | "ERR_AP2_CURRENCY"
  /** The budget or the ledger refused the payment; no money moved. Remedy: See `reasonCode`. */
  | "ERR_AP2_DENIED"
  /** A dry run's finding, thrown so that no body runs. Remedy: Read `decision`. */
  | "ERR_AP2_DRY_RUN"
  /**
   * A rejection receipt came while the payment was still under way. Remedy: Give the receipt again once the payment
   * has given up.
   */
  | "ERR_AP2_IN_USE"
  /**
   * The consume-once store holds what this version cannot read. Remedy: Do not delete it: it is what keeps a mandate
   * single-use.
   */
  | "ERR_AP2_LEDGER"
  /** `lookupCharge` threw, was silent, or gave an answer of no known form. Remedy: Mend it; `recover` again. */
  | "ERR_AP2_LOOKUP"
  /** A mandate is malformed or fails a constraint. Remedy: Correct it; nothing was reserved. */
  | "ERR_AP2_MANDATE"
  /**
   * The store holds no payment to refund, to reconcile, or that a receipt could reject. Remedy: Check the mandate's
   * transaction id, the tenant, and that it is the store that the payment was made with.
   */
  | "ERR_AP2_NOTHING_PAID"
  /** Thrown by your code: nothing was charged. Remedy: The budget is free again, the mandate too. */
  | "ERR_AP2_PAYMENT_DECLINED"
  /** Something was asked of a payment that is over. Remedy: Nothing. */
  | "ERR_AP2_PAYMENT_ENDED"
  /**
   * The payment service has not charged, and still may: the customer must act, or it is at work. Remedy: Wait for its
   * webhook, or `recover`; the payment is held meanwhile.
   */
  | "ERR_AP2_PAYMENT_OPEN"
  /** No usable answer to the reserve; no money moved. Remedy: The same call under the same key. */
  | "ERR_AP2_RESERVE_UNCERTAIN";

/** Base of everything that the payment guard throws on its own account. */
export class AP2GuardError extends ImprestError {
  static override readonly brand: string = "AP2GuardError";
  declare readonly code: AP2ErrorCode;
}

/** A mandate, or what it was made of, cannot be used: malformed amount, missing payee, failed constraint. */
export class AP2MandateError extends AP2GuardError {
  static override readonly brand: string = "AP2MandateError";
  constructor(message: string, options?: ErrorOptionsWithCause) {
    super("ERR_AP2_MANDATE", message, options);
  }
}

/** The mandate is not in US dollars, and no quote says what it is worth in them. */
export class AP2CurrencyError extends AP2GuardError {
  static override readonly brand: string = "AP2CurrencyError";
  constructor(message: string, options?: ErrorOptionsWithCause) {
    super("ERR_AP2_CURRENCY", message, options);
  }
}

/** What a denial carries. */
export interface DenialFields {
  /** Caps that the payment does not honour. */
  readonly caps?: readonly Cap[] | undefined;
  /** The wire's own word, verbatim: `"BUDGET_EXCEEDED"`, `"IDEMPOTENCY_MISMATCH"`, … */
  readonly reasonCode?: string | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The authority's signed record of its No, where it keeps one. */
  readonly evidence?: EvidenceReference | undefined;
}

/**
 * The authority refused, or gave no usable answer. The body did not run: no money moved because of this call. A refusal is
 * a `DeniedError` too.
 */
export class AP2GuardDenied extends AP2GuardError {
  static override readonly brand: string = "AP2GuardDenied";
  readonly decision: string = "DENY";
  /** Caps that the payment does not honour; empty for a plain No. */
  readonly caps: readonly Cap[];
  readonly reasonCode: string | undefined;
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly evidence: EvidenceReference | undefined;

  constructor(
    message: string,
    fields: DenialFields = {},
    options?: ErrorOptionsWithCause,
    code: AP2ErrorCode = "ERR_AP2_DENIED",
  ) {
    super(code, message, options);
    this.caps = fields.caps ?? [];
    this.reasonCode = fields.reasonCode;
    this.requestId = fields.requestId;
    this.traceId = fields.traceId;
    this.retryAfterMs = fields.retryAfterMs;
    this.evidence = fields.evidence;
  }

  protected override get kin(): readonly string[] {
    return [DeniedError.brand];
  }

  protected override details(): Record<string, unknown> {
    const { reasonCode, requestId, traceId, retryAfterMs, evidence } = this;
    return { reasonCode, requestId, traceId, retryAfterMs, evidence };
  }
}

/**
 * No usable answer to the reserve: a reservation may stand under `idempotencyKey`. The body did not run. The same call
 * again resumes the attempt under the same key and bytes. It is an `AuthorityUnreachableError` and no `DeniedError`: nobody
 * said no.
 */
export class AP2ReserveUncertain extends AP2GuardDenied {
  static override readonly brand: string = "AP2ReserveUncertain";
  readonly idempotencyKey: string;

  constructor(message: string, idempotencyKey: string, fields: DenialFields, options?: ErrorOptionsWithCause) {
    super(message, fields, options, "ERR_AP2_RESERVE_UNCERTAIN");
    this.idempotencyKey = idempotencyKey;
  }

  protected override get kin(): readonly string[] {
    return [AuthorityUnreachableError.brand];
  }

  protected override details(): Record<string, unknown> {
    return { ...super.details(), idempotencyKey: this.idempotencyKey };
  }
}

/**
 * The mandate was used before, is being used right now, or allows no more: too early, over its amount, no use left. The body
 * did not run. It is no proof that this purchase was paid: read `phase`.
 */
export class AP2AlreadyConsumed extends AP2GuardDenied {
  static override readonly brand: string = "AP2AlreadyConsumed";
  /**
   * How far the payment that uses the mandate has come: `"reserving"`, `"charging"` (it may have been charged), `"charged"` or
   * `"settled"` (it was). Absent when this store does not know it, and when a rule of the mandate refused.
   */
  readonly phase: string | undefined;
  readonly reservationId: string | undefined;

  constructor(
    message: string,
    fields: DenialFields & { readonly phase?: string | undefined; readonly reservationId?: string | undefined },
    options?: ErrorOptionsWithCause,
  ) {
    super(message, fields, options, "ERR_AP2_ALREADY_CONSUMED");
    this.phase = fields.phase;
    this.reservationId = fields.reservationId;
  }

  protected override details(): Record<string, unknown> {
    return { ...super.details(), phase: this.phase, reservationId: this.reservationId };
  }
}

/** For a body to throw when it knows that nothing was charged: the budget is released, and the mandate may be tried again. */
export class AP2PaymentDeclined extends AP2GuardError {
  static override readonly brand: string = "AP2PaymentDeclined";
  constructor(message: string, options?: ErrorOptionsWithCause) {
    super("ERR_AP2_PAYMENT_DECLINED", message, options);
  }
}

/** The payment service has not charged, and still may: it waits for the customer, or for itself. The payment is held. */
export class AP2PaymentOpenError extends AP2GuardError {
  static override readonly brand: string = "AP2PaymentOpenError";
  /** The service's id of the charge. */
  readonly reference: string;
  /** The service's own word for how it stands. */
  readonly status: string;

  constructor(reference: string, status: string, options?: ErrorOptionsWithCause) {
    super("ERR_AP2_PAYMENT_OPEN", `${reference} is ${status}: it has not charged, and still may.`, options);
    this.reference = reference;
    this.status = status;
  }

  protected override details(): Record<string, unknown> {
    return { reference: this.reference, status: this.status };
  }
}

/** What a dry run found; thrown, so that a body can never run under one. */
export class AP2DryRunResult extends AP2GuardError {
  static override readonly brand: string = "AP2DryRunResult";
  readonly decision: string;
  readonly reasonCode: string | undefined;
  /** The wire's own members. */
  readonly caps: Readonly<Record<string, unknown>> | undefined;
  readonly balances: readonly unknown[] | undefined;
  readonly affectedScopes: readonly string[];

  constructor(
    message: string,
    fields: {
      readonly decision: string;
      readonly reasonCode?: string | undefined;
      readonly caps?: Readonly<Record<string, unknown>> | undefined;
      readonly balances?: readonly unknown[] | undefined;
      readonly affectedScopes: readonly string[];
    },
  ) {
    super("ERR_AP2_DRY_RUN", message);
    this.decision = fields.decision;
    this.reasonCode = fields.reasonCode;
    this.caps = fields.caps;
    this.balances = fields.balances;
    this.affectedScopes = fields.affectedScopes;
  }

  protected override details(): Record<string, unknown> {
    const { decision, reasonCode, caps, affectedScopes } = this;
    return { decision, reasonCode, caps, affectedScopes };
  }
}

/** Where an attempt is kept, for `reconcile`. */
export interface AttemptReference {
  /** Key of the payment's record in the store. */
  readonly record: string;
  /** The claim within it. */
  readonly claim: string;
}

/** What an unsettled outcome carries. */
export interface CommitErrorFields {
  /**
   * The wire's own code, or `TRANSPORT_ERROR`, `SERVER_ERROR`, `COMMIT_RAISED` where there is none;
   * `PSP_OUTCOME_UNKNOWN` when it is the payment itself whose outcome is unknown.
   */
  readonly errorCode: string;
  readonly reservationId: string;
  readonly attempt: AttemptReference;
  readonly requestId?: string | undefined;
  /** What the body returned; it happened, do not repeat it for the value's sake. */
  readonly value?: unknown;
}

/** A payment whose body ran, and that is not settled. */
abstract class UnsettledError extends AP2GuardError {
  readonly errorCode: string;
  readonly reservationId: string;
  readonly attempt: AttemptReference;
  readonly requestId: string | undefined;
  readonly value: unknown;

  constructor(code: AP2ErrorCode, message: string, fields: CommitErrorFields, options?: ErrorOptionsWithCause) {
    super(code, message, options);
    this.errorCode = fields.errorCode;
    this.reservationId = fields.reservationId;
    this.attempt = fields.attempt;
    this.requestId = fields.requestId;
    this.value = fields.value;
    // Printing an error must not print what a payment returned.
    Object.defineProperty(this, "value", { enumerable: false });
  }

  protected override details(): Record<string, unknown> {
    const { errorCode, reservationId, requestId, attempt } = this;
    return { errorCode, reservationId, requestId, attempt };
  }
}

/**
 * The body ran and nobody can say yet how it ended: whether the PSP charged, or whether the authority took the commit.
 * Nothing was released. The attempt is recorded; `reconcile` or `recover` brings it to its end.
 */
export class AP2GuardCommitUncertain extends UnsettledError {
  static override readonly brand: string = "AP2GuardCommitUncertain";
  constructor(message: string, fields: CommitErrorFields, options?: ErrorOptionsWithCause) {
    super("ERR_AP2_COMMIT_UNCERTAIN", message, fields, options);
  }
}

/**
 * The authority refused the commit after the body ran. Money has moved, so nothing was released, whatever the refusal:
 * the spend is kept as a dead letter (the guard for Python releases here, which loses it).
 */
export class AP2GuardCommitFailed extends UnsettledError {
  static override readonly brand: string = "AP2GuardCommitFailed";
  readonly released = false;
  readonly releaseError: undefined;

  constructor(message: string, fields: CommitErrorFields, options?: ErrorOptionsWithCause) {
    super("ERR_AP2_COMMIT_FAILED", message, fields, options);
  }

  /** What is shown beside the message. */
  protected override details(): Record<string, unknown> {
    return { ...super.details(), released: this.released };
  }
}
