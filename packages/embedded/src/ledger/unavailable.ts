import { ImprestError } from "@imprest/core";
import type { LedgerErrorCode } from "./error-code.ts";

/**
 * The ledger answers nothing any more: it was closed, or its store failed and what it holds in memory may not be
 * durable. Opening it again begins from what is.
 */
export class LedgerUnavailableError extends ImprestError {
  static override readonly brand: string = "LedgerUnavailableError";
  declare readonly code: LedgerErrorCode;
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("ERR_LEDGER_UNAVAILABLE" satisfies LedgerErrorCode, message, options);
  }
}
