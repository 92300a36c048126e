import { type Cap, DeniedError, type HttpResponse, ProtocolError, type ProtocolErrorFields } from "@imprest/core";
import { type Secret, parseJson, parseRetryAfter } from "@imprest/core/internal";
import {
  type CyclesEvidenceRef,
  type DenyDetail,
  type ErrorCode,
  type ErrorResponse,
  denyDetail,
  errorResponse,
} from "@imprest/core/models/cycles";
import { readMetadata } from "./metadata.ts";

/** What a Cycles authority says beyond what every protocol says. */
export interface CyclesErrorFields extends ProtocolErrorFields {
  /** Present when the answer is the authority's No to a reserve. */
  readonly decision?: "DENY" | undefined;
  readonly evidence?: CyclesEvidenceRef | undefined;
}

/**
 * The authority understood the request and refused it. One subclass per code of the specification; a code that this
 * version does not know comes as this class, with the code in `errorCode`. The authority's No to a reserve is a
 * `DeniedError` too; the same code in the answer to a commit is none, since the guarded call has run.
 */
export class CyclesError extends ProtocolError {
  static override readonly brand: string = "CyclesError";
  /** The signed record of the refusal, where the authority keeps one (Cycles §ErrorResponse). */
  readonly evidence: CyclesEvidenceRef | undefined;
  /** `"DENY"` for the No to a reserve. */
  readonly decision: "DENY" | undefined;
  /** Empty: a refusal grants nothing under caps. */
  readonly caps: readonly Cap[] = [];

  constructor(message: string, fields: CyclesErrorFields) {
    super(message, fields);
    this.decision = fields.decision;
    this.evidence = fields.evidence;
  }

  /** Which rule fired, and what would change the answer, where a v0.1.26 authority says so. */
  get denyDetail(): DenyDetail | undefined {
    const result = denyDetail.safeParse(this.wireDetails?.["deny_detail"]);
    return result.success ? result.data : undefined;
  }

  protected override get kin(): readonly string[] {
    return this.decision === undefined ? super.kin : [DeniedError.brand];
  }

  protected override details(): Record<string, unknown> {
    return this.evidence === undefined ? super.details() : { ...super.details(), evidence: this.evidence };
  }
}

/** 400 INVALID_REQUEST. */
export class InvalidRequestError extends CyclesError {
  static override readonly brand: string = "CyclesInvalidRequestError";
}

/** 401 UNAUTHORIZED. */
export class UnauthorizedError extends CyclesError {
  static override readonly brand: string = "CyclesUnauthorizedError";
}

/** 403 FORBIDDEN. */
export class ForbiddenError extends CyclesError {
  static override readonly brand: string = "CyclesForbiddenError";
}

/** 404 NOT_FOUND: no such reservation, or no budget at any of the subject's scopes. */
export class NotFoundError extends CyclesError {
  static override readonly brand: string = "CyclesNotFoundError";
}

/** 409 BUDGET_EXCEEDED. */
export class BudgetExceededError extends CyclesError {
  static override readonly brand: string = "CyclesBudgetExceededError";
}

/** 409 BUDGET_FROZEN. */
export class BudgetFrozenError extends CyclesError {
  static override readonly brand: string = "CyclesBudgetFrozenError";
}

/** 409 BUDGET_CLOSED. */
export class BudgetClosedError extends CyclesError {
  static override readonly brand: string = "CyclesBudgetClosedError";
}

/** 410 RESERVATION_EXPIRED, also from a 410 without a body. */
export class ReservationExpiredError extends CyclesError {
  static override readonly brand: string = "CyclesReservationExpiredError";
}

/** 409 RESERVATION_FINALIZED: settled already, under another key. */
export class ReservationFinalizedError extends CyclesError {
  static override readonly brand: string = "CyclesReservationFinalizedError";
}

/** 409 IDEMPOTENCY_MISMATCH: the key was used before with another request. */
export class IdempotencyMismatchError extends CyclesError {
  static override readonly brand: string = "CyclesIdempotencyMismatchError";
}

/** 400 UNIT_MISMATCH. The authority should say which units the scope has (Cycles §ERROR SEMANTICS). */
export class UnitMismatchError extends CyclesError {
  static override readonly brand: string = "CyclesUnitMismatchError";

  get scope(): string | undefined {
    return textOf(this.wireDetails?.["scope"]);
  }

  get requestedUnit(): string | undefined {
    return textOf(this.wireDetails?.["requested_unit"]);
  }

  get expectedUnits(): readonly string[] {
    const units = this.wireDetails?.["expected_units"];
    return Array.isArray(units) ? units.filter((unit): unit is string => typeof unit === "string") : [];
  }
}

/** 409 OVERDRAFT_LIMIT_EXCEEDED. */
export class OverdraftLimitExceededError extends CyclesError {
  static override readonly brand: string = "CyclesOverdraftLimitExceededError";
}

/** 409 DEBT_OUTSTANDING. */
export class DebtOutstandingError extends CyclesError {
  static override readonly brand: string = "CyclesDebtOutstandingError";
}

/** 409 MAX_EXTENSIONS_EXCEEDED. */
export class MaxExtensionsExceededError extends CyclesError {
  static override readonly brand: string = "CyclesMaxExtensionsExceededError";
}

/** 429 LIMIT_EXCEEDED. */
export class LimitExceededError extends CyclesError {
  static override readonly brand: string = "CyclesLimitExceededError";
}

/** 409 TENANT_CLOSED. */
export class TenantClosedError extends CyclesError {
  static override readonly brand: string = "CyclesTenantClosedError";
}

/** 500 INTERNAL_ERROR. */
export class InternalServerError extends CyclesError {
  static override readonly brand: string = "CyclesInternalServerError";
}

/** 409 ACTION_QUOTA_EXCEEDED (v0.1.26). */
export class ActionQuotaExceededError extends CyclesError {
  static override readonly brand: string = "CyclesActionQuotaExceededError";
}

/** 409 ACTION_KIND_DENIED (v0.1.26). */
export class ActionKindDeniedError extends CyclesError {
  static override readonly brand: string = "CyclesActionKindDeniedError";
}

/** 409 ACTION_KIND_NOT_ALLOWED (v0.1.26). */
export class ActionKindNotAllowedError extends CyclesError {
  static override readonly brand: string = "CyclesActionKindNotAllowedError";
}

/** What stands behind a code: its class, and what the caller can do about it. */
type CodeEntry = readonly [type: new (message: string, fields: CyclesErrorFields) => CyclesError, remedy: string];

/** The authority's No to a reserve. The answer to the same request can only be the same again. */
const denials = {
  BUDGET_EXCEEDED: [BudgetExceededError, "Fund the budget, or ask for less."],
  BUDGET_FROZEN: [BudgetFrozenError, "An operator froze the budget."],
  BUDGET_CLOSED: [BudgetClosedError, "The budget is closed for good."],
  OVERDRAFT_LIMIT_EXCEEDED: [
    OverdraftLimitExceededError,
    "Wait and try again, or have an operator reconcile the scope.",
  ],
  DEBT_OUTSTANDING: [DebtOutstandingError, "Have the debt repaid."],
  TENANT_CLOSED: [TenantClosedError, "The tenant is closed for good."],
  ACTION_QUOTA_EXCEEDED: [ActionQuotaExceededError, "Wait for the quota's next window."],
  ACTION_KIND_DENIED: [ActionKindDeniedError, "A policy forbids this kind of action."],
  ACTION_KIND_NOT_ALLOWED: [ActionKindNotAllowedError, "A policy allows other kinds of action only."],
} satisfies Partial<Record<ErrorCode, CodeEntry>>;

/** No denials, but just as final. */
const finals = {
  INVALID_REQUEST: [InvalidRequestError, "Correct the request."],
  NOT_FOUND: [NotFoundError, "Check the id, or create a budget at one of the scopes."],
  RESERVATION_EXPIRED: [ReservationExpiredError, "Record the spend as an event."],
  RESERVATION_FINALIZED: [ReservationFinalizedError, "It was settled under another key."],
  IDEMPOTENCY_MISMATCH: [IdempotencyMismatchError, "Use one key for one request only."],
  UNIT_MISMATCH: [UnitMismatchError, "Use the unit that the budget is kept in."],
  MAX_EXTENSIONS_EXCEEDED: [MaxExtensionsExceededError, "Reserve anew for what remains."],
} satisfies Partial<Record<ErrorCode, CodeEntry>>;

/** What may be another answer the next time. */
const passing = {
  UNAUTHORIZED: [UnauthorizedError, "Check the API key."],
  FORBIDDEN: [ForbiddenError, "Check the key's tenant and permissions."],
  LIMIT_EXCEEDED: [LimitExceededError, "Wait before the next request."],
  INTERNAL_ERROR: [InternalServerError, "Repeat the request with the same key."],
} satisfies Partial<Record<ErrorCode, CodeEntry>>;

/** Pure, as a spread is not: whoever imports one class of this file does not load them all. */
const codes: Readonly<Record<ErrorCode, CodeEntry>> = /* @__PURE__ */ Object.assign({}, denials, finals, passing);

function entryOf(code: string): CodeEntry | undefined {
  return Object.hasOwn(codes, code) ? codes[code as ErrorCode] : undefined;
}

/** Operations whose refusal means that the guarded call must not start. */
const asking: ReadonlySet<string> = new Set(["createReservation", "dryRun", "decide"]);

/** True for a code that means No when it answers a reserve: to be treated as a denial, not as a failure. */
export function isDenial(error: Pick<CyclesError, "status" | "errorCode">): boolean {
  return isRefusal(error) && Object.hasOwn(denials, error.errorCode);
}

/**
 * True when the same request can only ever be refused again. An unknown code, 401, 403, 429 and 5xx are not: they
 * leave open what becomes of it (client recovery profile §"After the actual is known").
 */
export function isFinal(error: CyclesError): boolean {
  return isDenial(error) || (isRefusal(error) && Object.hasOwn(finals, error.errorCode));
}

/** A code in an answer that is no refusal by its status (a proxy's 503) decides nothing. */
function isRefusal({ status = 0 }: Pick<CyclesError, "status">): boolean {
  return status >= 400 && status < 500 && status !== 429;
}

/** True when the reservation ran out: the code, or any 410. */
export function isExpired(error: CyclesError): boolean {
  return error.status === 410 || error.errorCode === "RESERVATION_EXPIRED";
}

/** Codes that the bare status stands for, when the body is none of the protocol's. */
const codeByStatus: Readonly<Record<number, ErrorCode>> = {
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  410: "RESERVATION_EXPIRED",
  429: "LIMIT_EXCEEDED",
};

/**
 * The error that an answer other than success stands for. A body that is not the protocol's yields one too, with the
 * status in its code (`"HTTP_502"`).
 * @param operation the operation's name, for the message.
 * @param key cut out of whatever the authority says, should it repeat it.
 */
export function errorFromResponse(operation: string, response: HttpResponse, key?: Secret): CyclesError {
  const { status, headers } = response;
  const body = readBody(response.body, key);
  const ids = readMetadata(response, key);
  const errorCode = body?.error ?? codeByStatus[status] ?? `HTTP_${status}`;
  const [type, advice] = entryOf(errorCode) ?? [CyclesError];
  const said = body === undefined || body.message === "" ? "" : ` and said: ${tidy(body.message)}`;
  const remedy = advice === undefined ? "" : ` ${advice}`;
  const message = `${operation}: the authority answered ${tidy(errorCode)} (status ${status})${said}${said.endsWith(".") ? "" : "."}${remedy}`;
  const isNo = asking.has(operation) && isDenial({ status, errorCode });
  return new type(message, {
    protocol: "cycles",
    status,
    errorCode,
    ...(isNo && { decision: "DENY", reasonCode: errorCode }),
    requestId: ids.requestId ?? body?.request_id,
    traceId: ids.traceId ?? body?.trace_id,
    retryAfterMs: parseRetryAfter(headers["retry-after"]),
    retryable: status === 429 || status >= 500,
    details: body?.details,
    evidence: body?.cycles_evidence,
  });
}

function readBody(text: string, key: Secret | undefined): ErrorResponse | undefined {
  try {
    const result = errorResponse.safeParse(parseJson(text));
    return result.success ? (key?.redact(result.data) ?? result.data) : undefined;
  } catch {
    return undefined;
  }
}

/** One short line: whatever a server writes must not break a log. */
function tidy(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
