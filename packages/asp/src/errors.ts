import { type Cap, DeniedError, type HttpResponse, ProtocolError, type ProtocolErrorFields } from "@imprest/core";
import { type Secret, parseRetryAfter } from "@imprest/core/internal";
import { type AspErrorCode, type AspMethod, aspErrorHeader } from "@imprest/core/models/asp";

/** What an ASP authority says beyond what every protocol says. */
export interface AspErrorFields extends ProtocolErrorFields {
  /** The transport's own class of error: `"failed_precondition"`, `"unavailable"` … */
  readonly connectCode: string;
  readonly spendHappened: boolean;
}

/**
 * The authority understood the request and refused it. One subclass per code of the draft and per code that this
 * library adds; any other comes as this class, with the code in `errorCode`.
 */
export class AspError extends ProtocolError {
  static override readonly brand: string = "AspError";
  readonly connectCode: string;
  /** True when a commit was refused: the provider was paid, and this budget does not show it. Never repeat the call. */
  readonly spendHappened: boolean;

  constructor(message: string, fields: AspErrorFields) {
    super(message, fields);
    this.connectCode = fields.connectCode;
    this.spendHappened = fields.spendHappened;
  }

  protected override details(): Record<string, unknown> {
    return { ...super.details(), connectCode: this.connectCode, spendHappened: this.spendHappened };
  }
}

/** The key was used before with another amount or other facts (ASP §3.3). */
export class ReplayConflictError extends AspError {
  static override readonly brand: string = "AspReplayConflictError";
}

/** Committed already, under another key (ASP §3.3). */
export class ReservationSettledError extends AspError {
  static override readonly brand: string = "AspReservationSettledError";
}

/** Released before the commit came (ASP §3.3). */
export class ReservationReleasedError extends AspError {
  static override readonly brand: string = "AspReservationReleasedError";
}

/** The commit came after the grace window: account for it out of band (ASP §3.2). */
export class ExpiredBeyondGraceError extends AspError {
  static override readonly brand: string = "AspExpiredBeyondGraceError";
}

/** More was observed than reserved, and the budget does not charge overage (ASP §3.1). The call is uncovered. */
export class OverageRejectedError extends AspError {
  static override readonly brand: string = "AspOverageRejectedError";
}

/** The reservation waits for an operator after a refused overage (ASP §3.1). */
export class ReservationQuarantinedError extends AspError {
  static override readonly brand: string = "AspReservationQuarantinedError";
}

/** The authority knows no such reservation. */
export class ReservationNotFoundError extends AspError {
  static override readonly brand: string = "AspReservationNotFoundError";
}

/** What a denial says (ASP §2). */
export interface AspDenial {
  readonly decision: string;
  readonly reasonCodes: readonly string[];
  readonly matchedRuleIds: readonly string[];
  readonly caps: readonly Cap[];
}

/** The authority denied. `reasonCode` is the first of `reasonCodes`. Asking again changes nothing by itself. */
export class AspDeniedError extends DeniedError {
  static override readonly brand: string = "AspDeniedError";
  readonly reasonCodes: readonly string[];
  readonly matchedRuleIds: readonly string[];

  constructor(message: string, denial: AspDenial) {
    super(message, { decision: denial.decision, reasonCode: denial.reasonCodes[0], caps: denial.caps });
    this.reasonCodes = denial.reasonCodes;
    this.matchedRuleIds = denial.matchedRuleIds;
  }

  protected override details(): Record<string, unknown> {
    return { ...super.details(), reasonCodes: this.reasonCodes, matchedRuleIds: this.matchedRuleIds };
  }
}

/** A person must approve first, outside the protocol (ASP §2 "Human-in-the-loop approval"). */
export class ApprovalRequiredError extends AspDeniedError {
  static override readonly brand: string = "AspApprovalRequiredError";
}

interface CodeEntry {
  readonly type: new (message: string, fields: AspErrorFields) => AspError;
  readonly remedy: string;
}

const codes: Readonly<Record<AspErrorCode, CodeEntry>> = {
  REPLAY_CONFLICT: { type: ReplayConflictError, remedy: "Use one key for one settlement only." },
  RESERVATION_SETTLED: { type: ReservationSettledError, remedy: "It was committed under another key." },
  RESERVATION_RELEASED: { type: ReservationReleasedError, remedy: "It was released before; record the spend by hand." },
  EXPIRED_BEYOND_GRACE: { type: ExpiredBeyondGraceError, remedy: "Record the spend out of band; reserve for longer." },
  OVERAGE_REJECTED: { type: OverageRejectedError, remedy: "Treat the call as uncovered, and reserve more." },
  RESERVATION_QUARANTINED: { type: ReservationQuarantinedError, remedy: "An operator must resolve it." },
  RESERVATION_NOT_FOUND: { type: ReservationNotFoundError, remedy: "Check the reservation id and the authority." },
  BUDGET_NOT_FOUND: { type: AspError, remedy: "Create the budget, or correct its id, window or unit." },
  DIRECTION_NOT_SUPPORTED: { type: AspError, remedy: "A reserve must be a DEBIT." },
};

/** Refusals that may end: the same bytes may be taken later (Connect "Error Codes"). All others are for good. */
const passing: ReadonlySet<string> = new Set([
  "canceled",
  "unknown",
  "deadline_exceeded",
  "resource_exhausted",
  "aborted",
  "internal",
  "unavailable",
  "permission_denied",
  "unauthenticated",
]);

/** What the bare status stands for, when the body is none of Connect's (Connect "HTTP to Error Code"). */
const connectCodeByStatus: Readonly<Record<number, string>> = {
  400: "internal",
  401: "unauthenticated",
  403: "permission_denied",
  404: "unimplemented",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/** True when the same request can only be refused again. A code that stands in an answer of 5xx decides nothing. */
export function isFinal({ errorCode, connectCode, status = 0 }: AspError): boolean {
  if (status >= 500 || status === 429) return connectCode === "unimplemented";
  return Object.hasOwn(codes, errorCode) || !passing.has(connectCode);
}

/**
 * The error that an answer other than success stands for. The ASP code is read from what programs write, in this
 * order: a Connect error detail, the `asp-error-code` header, `error_code` or `code` of the body. Never from a message.
 * @param key cut out of whatever the authority says, should it repeat it.
 */
export function errorFromResponse(method: AspMethod | `GET ${string}`, response: HttpResponse, key?: Secret): AspError {
  const { status, headers } = response;
  const texts = readTexts(response);
  const { errorCode, connectCode, said, requestId } = key?.redact(texts) ?? texts;
  const entry = Object.hasOwn(codes, errorCode) ? codes[errorCode as AspErrorCode] : undefined;
  const quoted = said === "" ? "" : ` and said: ${tidy(said)}`;
  const remedy = entry === undefined ? "" : ` ${entry.remedy}`;
  const message = `${method}: the authority answered ${tidy(errorCode)} (status ${status})${quoted}${quoted.endsWith(".") ? "" : "."}${remedy}`;
  return new (entry?.type ?? AspError)(message, {
    protocol: "asp",
    status,
    errorCode,
    connectCode,
    spendHappened: method === "Commit",
    requestId,
    retryAfterMs: parseRetryAfter(headers["retry-after"]),
    retryable: entry === undefined && passing.has(connectCode),
  });
}

/** Every text of the answer that the error repeats, decoded: only then is a key in it seen, however it was escaped. */
interface Texts {
  readonly errorCode: string;
  readonly connectCode: string;
  /** Empty where the authority says nothing. */
  readonly said: string;
  readonly requestId: string | undefined;
}

function readTexts({ status, headers, body: text }: HttpResponse): Texts {
  const body = readBody(text);
  const connectCode = connectCodeOf(body, status);
  const errorCode =
    detailCode(body) ??
    aspCode(headers[aspErrorHeader]) ??
    aspCode(body["error_code"]) ??
    aspCode(body["code"]) ??
    connectCode;
  const { message } = body;
  return {
    errorCode,
    connectCode,
    said: typeof message === "string" ? message : "",
    requestId: headers["x-request-id"],
  };
}

function readBody(text: string): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function connectCodeOf(body: Readonly<Record<string, unknown>>, status: number): string {
  const { code } = body;
  const isConnect = typeof code === "string" && /^[a-z][a-z_]{1,30}$/.test(code);
  return isConnect ? code : (connectCodeByStatus[status] ?? "unknown");
}

/** Codes of ASP are upper case, so no Connect code is taken for one. */
function aspCode(value: unknown): string | undefined {
  return typeof value === "string" && /^[A-Z][A-Z0-9_]{2,63}$/.test(value) ? value : undefined;
}

function detailCode({ details }: Readonly<Record<string, unknown>>): string | undefined {
  if (!Array.isArray(details)) return undefined;
  for (const detail of details as readonly { type?: unknown; value?: unknown; debug?: { reason?: unknown } }[]) {
    if (detail?.type !== "google.rpc.ErrorInfo") continue;
    const code = aspCode(detail.debug?.reason) ?? aspCode(reasonIn(detail.value));
    if (code !== undefined) return code;
  }
  return undefined;
}

/** `reason`, the first field of google.rpc.ErrorInfo: tag 0x0a, a length below 128, the text. */
function reasonIn(value: unknown): string | undefined {
  if (typeof value !== "string" || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) return undefined;
  const bytes = atob(value.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, ""));
  return bytes.charCodeAt(0) === 0x0a ? bytes.slice(2, 2 + bytes.charCodeAt(1)) : undefined;
}

/** One short line: whatever a server writes must not break a log. */
function tidy(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
