export {
  type ApiKeySource,
  guard,
  guardStream,
  openReservation,
  withReservation,
  withReservationStream,
} from "@imprest/core";
export { AspAuthority, type AspAuthorityOptions, type AspSource } from "./authority.ts";
export { type BypassOptions, type BypassRecorder, createBypassRecorder } from "./bypass.ts";
export { builtInCaps } from "./caps/built-in.ts";
export type { CapFamily, CapHandler, DegradedRoute, ProviderCall } from "./caps/handler.ts";
export { type CapRegistry, type RecognisedCap, createCapRegistry, degradedRoute } from "./caps/registry.ts";
export { AspClient } from "./client.ts";
export {
  ApprovalRequiredError,
  AspDeniedError,
  type AspDenial,
  AspError,
  type AspErrorFields,
  ExpiredBeyondGraceError,
  OverageRejectedError,
  ReplayConflictError,
  ReservationNotFoundError,
  ReservationQuarantinedError,
  ReservationReleasedError,
  ReservationSettledError,
} from "./errors.ts";
export type { EventsOptions, SignedEvent } from "./feed.ts";
export type { AspIncident } from "./incident.ts";
export type { Operation } from "./operations.ts";
export type { AspClientOptions, ResolvedOptions } from "./options.ts";
export type { PromisedEvent } from "./promised-event.ts";
export type { AspExtensions, Budget, ResolveBudget } from "./request.ts";
export { aspRuntimeMetadataKeys as draftRuntimeMetadataKeys } from "@imprest/core/models/asp";
export { AspVerbs, type Unkeyed, type WriteOptions } from "./verbs.ts";
