export {
  type ApiKeySource,
  guard,
  guardStream,
  openReservation,
  withReservation,
  withReservationStream,
} from "@imprest/core";
export { CyclesAuthority, type CyclesAuthorityOptions, type CyclesSource, type DedupeHorizon } from "./authority.ts";
export { type StepCounter, coolDown, createStepCounter, honouredCaps, isToolAllowed } from "./caps.ts";
export { CyclesClient } from "./client.ts";
export { CyclesOperations, type DryRunResponse, type Unkeyed, type WriteOptions } from "./client-operations.ts";
export {
  ActionKindDeniedError,
  ActionKindNotAllowedError,
  ActionQuotaExceededError,
  BudgetClosedError,
  BudgetExceededError,
  BudgetFrozenError,
  CyclesError,
  type CyclesErrorFields,
  DebtOutstandingError,
  ForbiddenError,
  IdempotencyMismatchError,
  InternalServerError,
  InvalidRequestError,
  LimitExceededError,
  MaxExtensionsExceededError,
  NotFoundError,
  OverdraftLimitExceededError,
  ReservationExpiredError,
  ReservationFinalizedError,
  TenantClosedError,
  UnauthorizedError,
  UnitMismatchError,
} from "./errors.ts";
export { type RateLimit, type ResponseMetadata, metadataOf } from "./metadata.ts";
export { type CyclesClientOptions, type EnvironmentVariables, type ResolvedOptions, fromEnv } from "./options.ts";
export { type Page, Pages } from "./pages.ts";
export type { CyclesExtensions, CyclesTerms } from "./request.ts";
export { type OrphanSweep, releaseOrphan } from "./orphans.ts";
export { findBalance, isSameScope, scopesOf } from "./scopes.ts";
export { type ShadowOptions, withShadow } from "./shadow.ts";
export {
  type SeenEvents,
  type WebhookHandlerOptions,
  createWebhookHandler,
  memorySeenEvents,
} from "./webhook-handler.ts";
export { verifyWebhook } from "./webhook.ts";
