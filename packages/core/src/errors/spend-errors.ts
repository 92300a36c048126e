import type { Cap, Grant } from "../authority/grant.ts";
import type { Settlement } from "../authority/settlement.ts";
import { ImprestError, type ErrorOptionsWithCause } from "./imprest-error.ts";

/** The authority said no, or granted under caps that the caller does not honour. The guarded call did not start. */
export class DeniedError extends ImprestError {
  static override readonly brand: string = "DeniedError";
  /** The wire's decision, usually `"DENY"`. */
  readonly decision: string;
  /** The wire's reason, verbatim and open: `"BUDGET_EXCEEDED"`, … */
  readonly reasonCode: string | undefined;
  /** What the grant was bound to and the caller does not honour; empty for a plain No. */
  readonly caps: readonly Cap[];
  /** Milliseconds that the authority asks to wait before the next try. */
  readonly retryAfterMs: number | undefined;
  /** For the authority's operator: which request this was. */
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
  /** True where open reservations hold what is missing, false where it is spent; `undefined` where nobody has looked. */
  readonly isHeld: boolean | undefined;

  constructor(
    message: string,
    fields: {
      readonly decision?: string | undefined;
      readonly reasonCode?: string | undefined;
      readonly caps?: readonly Cap[] | undefined;
      readonly retryAfterMs?: number | undefined;
      readonly requestId?: string | undefined;
      readonly traceId?: string | undefined;
      readonly isHeld?: boolean | undefined;
    } = {},
    options?: ErrorOptionsWithCause,
  ) {
    super("ERR_DENIED", message, options);
    this.decision = fields.decision ?? "DENY";
    this.reasonCode = fields.reasonCode;
    this.caps = fields.caps ?? [];
    this.retryAfterMs = fields.retryAfterMs;
    this.requestId = fields.requestId;
    this.traceId = fields.traceId;
    this.isHeld = fields.isHeld;
  }

  protected override details(): Record<string, unknown> {
    const { decision, reasonCode, retryAfterMs, requestId, traceId, isHeld } = this;
    const caps = this.caps.map(({ name }) => name);
    return { decision, reasonCode, caps, retryAfterMs, requestId, traceId, ...(isHeld !== undefined && { isHeld }) };
  }
}

/**
 * No answer could be had from the authority, so the guarded call did not start. A reservation may exist: it can be
 * found or replayed under `idempotencyKey`.
 */
export class AuthorityUnreachableError extends ImprestError {
  static override readonly brand: string = "AuthorityUnreachableError";
  readonly idempotencyKey: string;

  constructor(message: string, idempotencyKey: string, options?: ErrorOptionsWithCause) {
    super("ERR_AUTHORITY_UNREACHABLE", message, options);
    this.idempotencyKey = idempotencyKey;
  }

  protected override details(): Record<string, unknown> {
    return { idempotencyKey: this.idempotencyKey };
  }
}

/**
 * The guarded call ended but nothing says what it cost. Nothing was sent: a wrong amount would be false and a release
 * would give back money that may be gone. The reservation is left to its TTL.
 */
export class SpendUnknownError extends ImprestError {
  static override readonly brand: string = "SpendUnknownError";
  /** What the guarded call returned; it happened, do not repeat it for the value's sake. */
  readonly value: unknown;
  /** What is held until its TTL ends: reservation, estimate, lease. */
  readonly grant: Grant;

  constructor(message: string, grant: Grant, value?: unknown, options?: ErrorOptionsWithCause) {
    super("ERR_SPEND_UNKNOWN", message, options);
    this.grant = grant;
    this.value = value;
    // Printing an error must not print what a model said.
    Object.defineProperty(this, "value", { enumerable: false });
    Object.defineProperty(this, "grant", { enumerable: false });
  }

  get reservationId(): string {
    return this.grant.id;
  }

  protected override details(): Record<string, unknown> {
    return { reservationId: this.grant.id };
  }
}

/** A settlement was refused for good, or the reservation was already settled otherwise. */
export class SettlementError extends ImprestError {
  static override readonly brand: string = "SettlementError";
  /** True when money has moved (or may have): never repeat the action because of this error. */
  readonly spendHappened: boolean;
  readonly reservationId: string;
  /** The key that the settlement was sent under; the dead letter has the same one. */
  readonly idempotencyKey: string | undefined;
  /** How it ended, where that is known. */
  readonly settlement: Settlement | undefined;
  /** What the guarded call returned, when `throwOnRejected` made this an exception. */
  readonly value: unknown;

  constructor(
    message: string,
    fields: {
      readonly spendHappened: boolean;
      readonly reservationId: string;
      readonly idempotencyKey?: string | undefined;
      readonly settlement?: Settlement | undefined;
      readonly value?: unknown;
    },
    options?: ErrorOptionsWithCause,
  ) {
    super("ERR_SETTLEMENT", message, options);
    this.spendHappened = fields.spendHappened;
    this.reservationId = fields.reservationId;
    this.idempotencyKey = fields.idempotencyKey;
    this.settlement = fields.settlement;
    this.value = fields.value;
    Object.defineProperty(this, "value", { enumerable: false });
    Object.defineProperty(this, "settlement", { enumerable: false });
  }

  protected override details(): Record<string, unknown> {
    const { spendHappened, reservationId, idempotencyKey } = this;
    return { spendHappened, reservationId, idempotencyKey };
  }
}
