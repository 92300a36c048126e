/** Every code of the ledger's own errors. */
export type LedgerErrorCode =
  /**
   * The embedded ledger refused what an operator asked of it. Remedy: See `reason`, in the words of the Cycles codes.
   */
  | "ERR_LEDGER_REFUSAL"
  /**
   * The embedded ledger's store failed, or it is closed. Remedy: Mend the store, open the authority again; nothing was
   * acknowledged that is lost.
   */
  | "ERR_LEDGER_UNAVAILABLE";
