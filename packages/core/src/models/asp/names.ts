// Names of the Agent Spend Protocol, without schemas, so that a client that needs only them bundles no validator.

/** Where the methods live when nobody says otherwise: the draft names no package and no service. */
export const aspServicePath = "asp.v1.AgentSpendProtocol" as const;

/** The verbs (ASP §1; Resolve is no message of the draft). */
export type AspMethod = (typeof aspMethods)[number];

export const aspMethods = ["Reserve", "Commit", "Release", "QueryBudget", "Refund"] as const;

/** By wire number (ASP §4 ReserveResponse.Decision). */
export const aspDecisions = ["DECISION_UNSPECIFIED", "ALLOW", "DENY", "ALLOW_WITH_CAPS"] as const;

/** By wire number (ASP §4 BudgetClaim.Direction). */
export const aspDirections = ["DIRECTION_UNSPECIFIED", "DEBIT", "CREDIT"] as const;

/** The four codes that the draft names (ASP §3.2, §3.3). */
export const aspDraftErrorCodes = [
  "REPLAY_CONFLICT",
  "RESERVATION_SETTLED",
  "RESERVATION_RELEASED",
  "EXPIRED_BEYOND_GRACE",
] as const;

/**
 * Codes for what the draft lets happen and leaves unnamed: a commit refused for overage, anything asked of a
 * quarantined reservation, a reservation or budget that does not exist, a direction other than DEBIT.
 */
export const aspAddedErrorCodes = [
  "OVERAGE_REJECTED",
  "RESERVATION_QUARANTINED",
  "RESERVATION_NOT_FOUND",
  "BUDGET_NOT_FOUND",
  "DIRECTION_NOT_SUPPORTED",
] as const;

/** Every code this library knows; a wire may hold others. */
export type AspErrorCode = (typeof aspDraftErrorCodes)[number] | (typeof aspAddedErrorCodes)[number];

/** Response header that repeats the code of a refusal, for clients that do not read Connect error details. */
export const aspErrorHeader = "asp-error-code" as const;

/** Suffixes of event types: one per verb (ASP §5, first set) and the outcomes the draft adds (second set). Closed. */
export type AuditSuffix = (typeof auditSuffixes)[number];

export const auditSuffixes = [
  "reserve",
  "commit",
  "release",
  "refund",
  "ttl_expired",
  "late_commit",
  "overage_rejected",
  "overage_charged",
  "replay_rejected",
  "bypassed",
  "reconciliation_gap",
] as const;

/** The members that the draft names for `runtime_metadata` (ASP §5 "Provider-specific extensions"). */
export const aspRuntimeMetadataKeys = [
  "litellm_call_id",
  "model",
  "team_id",
  "pricing_version",
  "price_snapshot_hash_hex",
  "fx_rate_version",
  "unit_conversion_version",
  "call_type",
  "stream",
  "mode",
  "integration",
] as const;

/** Where an issuer publishes its keys, at the root of its origin (ASP §5 "Issuer identity"). */
export const aspJwksPath = "/.well-known/asp-jwks.json" as const;

/** Where this library looks for, and serves, what the draft calls the metadata endpoint without naming it. */
export const aspMetadataPath = "/.well-known/asp-authority" as const;

/** Where this library reads, and serves, a tenant's signed events: `?cursor=N` asks for those after the Nth. */
export const aspFeedPath = "/asp/events" as const;

/** Response header of a page of the feed: the number of its last event. */
export const aspCursorHeader = "asp-next-cursor" as const;

/** The most digits of an amount. */
export const aspMostDigits = 38;
