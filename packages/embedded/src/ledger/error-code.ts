/** Every code of the ledger's own errors. */
export type LedgerErrorCode = "ERR_LEDGER_REFUSAL" | "ERR_LEDGER_UNAVAILABLE";
