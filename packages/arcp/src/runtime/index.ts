export { LeaseAuthority, type LeaseAuthorityOptions, type LeaseBooks, type LeaseCurrency } from "../authority.ts";
export { AgentContext, type AgentFunction } from "./agent-context.ts";
export type { InputSchema } from "./agent-input.ts";
export type {
  CredentialProvisioner,
  CredentialRequest,
  RevocationRequest,
  UnrevocableCredential,
} from "./provisioner.ts";
export type { DelegatedJob, Delegation } from "./delegation.ts";
export type { DialectName } from "./dialects/dialect.ts";
export { arcpFailure } from "./failure.ts";
export type { JobCredential } from "./job.ts";
export type { JobLogEntry, JobStore } from "./job-store.ts";
export type {
  FetchFunction,
  FileAccess,
  JobSettlementOptions,
  Metric,
  ModelFunction,
  OperationContext,
  ToolFunction,
} from "./handlers.ts";
export type { ArcpRuntimeLimits, ArcpRuntimeOptions, Authenticate, Observation, SubscriptionAudit } from "./options.ts";
export type { ClientName } from "./readings/reading.ts";
export type { ResultWriter } from "./result-writer.ts";
export { type AgentOptions, type ArcpRuntime, createArcpRuntime } from "./runtime.ts";
export { type UpstreamErrorMapper, upstreamCodeOf } from "./upstream-error.ts";
