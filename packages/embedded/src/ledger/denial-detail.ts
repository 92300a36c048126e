import type { RiskClass } from "./action-kinds.ts";
import type { QuotaWindow } from "./quota-window.ts";

/** The quota that was used up. */
export interface QuotaViolation {
  readonly actionKind: string;
  /** Present when the quota is one of a whole risk class. */
  readonly riskClass?: RiskClass | undefined;
  readonly window: QuotaWindow;
  readonly windowKey: string;
  readonly used: bigint;
  readonly limit: bigint;
  readonly scope: string;
  readonly policyId: string;
}

/** Which rule denied, and what would change the answer. */
export interface DenialDetail {
  /** Open: the ledger's own words and those of the operator's policy. */
  readonly reasonCode: string;
  readonly quotaViolation?: QuotaViolation | undefined;
  readonly blockedByScope?: string | undefined;
  readonly blockedByPolicy?: string | undefined;
  /** In the unit of the request; negative in overdraft. */
  readonly budgetRemaining?: bigint | undefined;
  readonly suggestedFix?: string | undefined;
}
