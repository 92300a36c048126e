import { ImprestError, ValidationError } from "@imprest/core";
import { utf8 } from "@imprest/core/internal";
import { type AspErrorCode, aspErrorHeader } from "@imprest/core/models/asp";
import { LedgerRefusal, denials } from "../ledger/refusal.ts";
import { LedgerUnavailableError } from "../ledger/unavailable.ts";

/** Classes of Connect errors that the authority answers, and their HTTP status (Connect "Error Codes"). */
const statuses = {
  invalid_argument: 400,
  failed_precondition: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  resource_exhausted: 429,
  internal: 500,
  unimplemented: 501,
  unavailable: 503,
} as const;

export type ConnectCode = keyof typeof statuses;

/** A request that is refused. */
export class AspRefusal extends ImprestError {
  static override readonly brand: string = "AspRefusal";
  readonly connectCode: ConnectCode;
  readonly errorCode: AspErrorCode | undefined;
  /** Where HTTP has a status of its own for it. */
  readonly status?: number | undefined;

  constructor(connectCode: ConnectCode, message: string, errorCode?: AspErrorCode, cause?: unknown) {
    super("ERR_ASP_REFUSAL", message, { cause });
    this.connectCode = connectCode;
    this.errorCode = errorCode;
  }
}

/** The body is of a type that is not understood (RFC 9110 §15.5.16); `Accept-Post` names the one that is. */
export class UnsupportedBody extends AspRefusal {
  override readonly status = 415;

  constructor(type: string) {
    super("invalid_argument", `Send application/json, not ${type}: this authority speaks Connect's JSON alone.`);
  }
}

/** A key stands for one request only (ASP §3.3). */
export function replayConflict(): AspRefusal {
  return new AspRefusal("failed_precondition", "The key was used with another request.", "REPLAY_CONFLICT");
}

/** The reason code of a denial, in lower case (ASP §4 `reason_codes`); `undefined` for a refusal that is none. */
export function denialOf(error: unknown): string | undefined {
  return LedgerRefusal.isInstance(error) && denials.has(error.reason) ? error.reason.toLowerCase() : undefined;
}

/** Whatever an operation threw, as the wire reports it. */
export function refusalOf(error: unknown): AspRefusal {
  if (AspRefusal.isInstance(error)) return error;
  if (ValidationError.isInstance(error)) return new AspRefusal("invalid_argument", error.message);
  if (LedgerUnavailableError.isInstance(error)) return new AspRefusal("unavailable", error.message);
  if (!LedgerRefusal.isInstance(error)) return new AspRefusal("internal", "The authority failed.", undefined, error);
  switch (error.reason) {
    case "NOT_FOUND":
    case "UNIT_MISMATCH":
      return new AspRefusal("not_found", error.message, "BUDGET_NOT_FOUND");
    case "FORBIDDEN":
      return new AspRefusal("permission_denied", error.message);
    case "IDEMPOTENCY_MISMATCH":
      return new AspRefusal("failed_precondition", error.message, "REPLAY_CONFLICT");
    case "LIMIT_EXCEEDED":
      return new AspRefusal("resource_exhausted", error.message);
    case "INVALID_REQUEST":
      return new AspRefusal("invalid_argument", error.message);
    default:
      return new AspRefusal("failed_precondition", error.message);
  }
}

/** The error as a Connect unary client reads it; the code stands in a detail and in a header. */
export function writeRefusal({ connectCode, errorCode, message, status }: AspRefusal): {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
} {
  const details = errorCode === undefined ? {} : { details: [errorInfo(errorCode)] };
  return {
    status: status ?? statuses[connectCode],
    headers: {
      ...(errorCode !== undefined && { [aspErrorHeader]: errorCode }),
      ...(status === 415 && { "Accept-Post": "application/json" }),
    },
    body: JSON.stringify({ code: connectCode, message, ...details }),
  };
}

/** google.rpc.ErrorInfo { reason = 1, domain = 2 }, written by hand: two short texts. */
function errorInfo(reason: string): object {
  const domain = "asp";
  const bytes = [0x0a, reason.length, ...utf8(reason), 0x12, domain.length, ...utf8(domain)];
  const value = btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
  return { type: "google.rpc.ErrorInfo", value, debug: { reason, domain } };
}
