/**
 * What becomes of a charge beyond what is held for it (Cycles §CommitOveragePolicy). REJECT refuses a commit beyond its
 * reserve, and an event beyond what its budgets have left (Cycles §EventCreateRequest).
 */
export type OveragePolicy = "REJECT" | "ALLOW_IF_AVAILABLE" | "ALLOW_WITH_OVERDRAFT";

export const overagePolicies: readonly OveragePolicy[] = ["REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"];

/**
 * The same, and `CHARGE_OVERAGE`, which no Cycles caller can ask for: it takes a budget over its cap rather than leave a
 * spend out of the books (ASP §3.1, and the late commits of ASP §3.2).
 */
export type ChargePolicy = OveragePolicy | "CHARGE_OVERAGE";

/**
 * How much of an overage becomes debt under ALLOW_WITH_OVERDRAFT: the whole of it where the budget lacks any, as the letter
 * of the specification has it (Cycles §CommitOveragePolicy), or the part that lacks, as the reference server does.
 */
export type OverdraftRule = "overage" | "shortfall";

export const overdraftRules: readonly OverdraftRule[] = ["overage", "shortfall"];

export const chargePolicies: readonly ChargePolicy[] = [...overagePolicies, "CHARGE_OVERAGE"];
