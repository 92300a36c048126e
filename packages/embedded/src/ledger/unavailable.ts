import { ImprestError } from "@imprest/core";

/**
 * The ledger answers nothing any more: it was closed, or its store failed and what it holds in memory may not be
 * durable. Opening it again begins from what is.
 */
export class LedgerUnavailableError extends ImprestError {
  static override readonly brand: string = "LedgerUnavailableError";
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("ERR_LEDGER_UNAVAILABLE", message, options);
  }
}
