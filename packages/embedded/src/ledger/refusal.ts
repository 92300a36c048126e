import { ImprestError } from "@imprest/core";
import type { DenialDetail } from "./denial-detail.ts";
import type { LedgerErrorCode } from "./error-code.ts";

/**
 * Why the ledger refuses, in the words of the Cycles error codes (Cycles §ErrorCode), and `DUPLICATE_RESOURCE` of its
 * governance plane for an operator who creates what exists.
 */
export type RefusalReason =
  | "INVALID_REQUEST"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "BUDGET_EXCEEDED"
  | "BUDGET_FROZEN"
  | "BUDGET_CLOSED"
  | "RESERVATION_EXPIRED"
  | "RESERVATION_FINALIZED"
  | "IDEMPOTENCY_MISMATCH"
  | "UNIT_MISMATCH"
  | "OVERDRAFT_LIMIT_EXCEEDED"
  | "DEBT_OUTSTANDING"
  | "MAX_EXTENSIONS_EXCEEDED"
  | "TENANT_CLOSED"
  | "LIMIT_EXCEEDED"
  | "ACTION_QUOTA_EXCEEDED"
  | "ACTION_KIND_DENIED"
  | "ACTION_KIND_NOT_ALLOWED"
  | "DUPLICATE_RESOURCE";

/** Refusals that are the authority's No to a reserve, on every face, rather than a fault of the request. */
export const denials: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  "BUDGET_EXCEEDED",
  "BUDGET_FROZEN",
  "BUDGET_CLOSED",
  "OVERDRAFT_LIMIT_EXCEEDED",
  "DEBT_OUTSTANDING",
  "TENANT_CLOSED",
  "ACTION_QUOTA_EXCEEDED",
  "ACTION_KIND_DENIED",
  "ACTION_KIND_NOT_ALLOWED",
]);

/** What helps the caller correct the request. */
export interface RefusalHints {
  /** The scope whose budget is meant. */
  readonly scope?: string | undefined;
  readonly requestedUnit?: string | undefined;
  readonly expectedUnits?: readonly string[] | undefined;
  readonly denial?: DenialDetail | undefined;
}

/** The ledger understood the request and refused it; nothing changed. */
export class LedgerRefusal extends ImprestError {
  static override readonly brand: string = "LedgerRefusal";
  declare readonly code: LedgerErrorCode;
  readonly reason: RefusalReason;
  readonly hints: RefusalHints | undefined;

  constructor(reason: RefusalReason, message: string, hints?: RefusalHints) {
    super("ERR_LEDGER_REFUSAL" satisfies LedgerErrorCode, message);
    this.reason = reason;
    this.hints = hints;
  }

  protected override details(): Record<string, unknown> {
    return this.hints === undefined ? { reason: this.reason } : { reason: this.reason, hints: this.hints };
  }
}
