export { type AgentReference, formatAgentReference, parseAgentReference } from "./agent-reference.ts";
export { BudgetCounters } from "./budget-counters.ts";
export { BudgetGauge, type CostMetric } from "./budget-gauge.ts";
export { type LeaseDescription, buildLease } from "./build-lease.ts";
export { canonicalPath, canonicalPathPattern, canonicalUrl, canonicalUrlPattern } from "./canonical.ts";
export {
  Capability,
  canonicalPattern,
  canonicalTarget,
  isCapability,
  leasePermits,
  patternCovers,
} from "./capability.ts";
export { globCovers, matchesGlob } from "./glob.ts";
export { type DelegatedAuthority, type DelegatingAuthority, subsetViolations } from "./lease-subset.ts";
export {
  type BudgetAmount,
  type Rounding,
  budgetLimits,
  formatBudgetAmount,
  formatMoney,
  moneyScale,
  moneyToWire,
  parseBudgetAmount,
  parseMoney,
} from "./money.ts";
export { leaseIssues, parseExpiry } from "./validate-lease.ts";
