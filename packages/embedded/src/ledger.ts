export type { LedgerSpendAuthority, SpendAuthorityOptions } from "./authority/spend-authority.ts";
export type { Terms } from "./authority/spend-request.ts";
export type { BudgetGroup, ListBudgets } from "./facade/budgets.ts";
export { type LedgerAuthority, type LedgerAuthorityOptions, createLedgerAuthority } from "./facade/ledger-authority.ts";
export type { LedgerTenantGroup } from "./facade/ledger-tenants.ts";
export type { CustomActionKind, RiskClass, RoutingKey } from "./ledger/action-kinds.ts";
export type { ActionRules } from "./ledger/admission.ts";
export type { ActionPolicy, ActionQuota, RiskClassQuota } from "./ledger/action-policy.ts";
export type { Books, BudgetBalance, BudgetStatus, PeriodBalance } from "./ledger/budget.ts";
export type { CalendarPeriods, EqualPeriods } from "./ledger/budget-period.ts";
export type { CalendarUnit } from "./ledger/calendar.ts";
export type { Caps } from "./ledger/caps.ts";
export type { ChargePolicy, OveragePolicy, OverdraftRule } from "./ledger/overage-policy.ts";
export type { DenialDetail, QuotaViolation } from "./ledger/denial-detail.ts";
export type { Actor, BudgetChange, Cause, Fact, FactListener, Moment, Movement } from "./ledger/facts.ts";
export type {
  BudgetAddress,
  BudgetScope,
  CreateBudget,
  FundBudget,
  RepayDebt,
  ResizeBudget,
} from "./ledger/operator.ts";
export type { Policy, PolicyAnswer, PolicyQuestion, PolicyRule } from "./ledger/policy.ts";
export type { QuotaWindow } from "./ledger/quota-window.ts";
export { LedgerRefusal, type RefusalHints, type RefusalReason } from "./ledger/refusal.ts";
export type { Retention } from "./ledger/retention.ts";
export type { RolloverPolicy } from "./ledger/period-state.ts";
export type { RollingPeriod } from "./ledger/rolling-window.ts";
export type { LedgerStore, StoreChange } from "./ledger/store.ts";
export type { TenantInfo } from "./ledger/tenant.ts";
export type { LedgerErrorCode } from "./ledger/error-code.ts";
export { LedgerUnavailableError } from "./ledger/unavailable.ts";
export { type DurableObjectStorage, durableObjectStore } from "./workers/durable-object-store.ts";
