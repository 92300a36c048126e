/** The one protocol version there is to speak; runtimes compare it exactly. */
export const arcpVersion = "1.1" as const;

/** Feature flags of `session.hello` and `session.welcome` (ARCP §6.2). A runtime may name others. */
export const arcpFeatures = [
  "heartbeat",
  "ack",
  "list_jobs",
  "subscribe",
  "lease_expires_at",
  "cost.budget",
  "model.use",
  "provisioned_credentials",
  "progress",
  "result_chunk",
  "agent_versions",
] as const;
/** A feature that both sides must offer before it is used (ARCP §6.2). */
export type ArcpFeature = (typeof arcpFeatures)[number];

/** Reserved lease namespaces (ARCP §9.2). Others are `x-vendor.<vendor>.<capability>`. */
export const leaseNamespaces = [
  "fs.read",
  "fs.write",
  "net.fetch",
  "tool.call",
  "agent.delegate",
  "cost.budget",
  "model.use",
] as const;
/** What a lease may grant (ARCP §9.2). */
export type LeaseNamespace = (typeof leaseNamespaces)[number];

/** The ten event kinds (ARCP §8.2). Others are the vendor's own and are passed on. */
export const arcpEventKinds = [
  "log",
  "thought",
  "tool_call",
  "tool_result",
  "status",
  "metric",
  "artifact_ref",
  "delegate",
  "progress",
  "result_chunk",
] as const;
/** A kind of `job.event` (ARCP §8.2). */
export type ArcpEventKind = (typeof arcpEventKinds)[number];

/** The error taxonomy (ARCP §12), and whether the same request may succeed later when the wire does not say. */
export const arcpErrorCodes = {
  PERMISSION_DENIED: false,
  LEASE_SUBSET_VIOLATION: false,
  JOB_NOT_FOUND: false,
  DUPLICATE_KEY: false,
  AGENT_NOT_AVAILABLE: false,
  AGENT_VERSION_NOT_AVAILABLE: false,
  CANCELLED: false,
  TIMEOUT: true,
  RESUME_WINDOW_EXPIRED: false,
  HEARTBEAT_LOST: true,
  LEASE_EXPIRED: false,
  BUDGET_EXHAUSTED: false,
  INVALID_REQUEST: false,
  UNAUTHENTICATED: false,
  INTERNAL_ERROR: true,
} as const;
/** A code of an error (ARCP §12). */
export type ArcpErrorCode = keyof typeof arcpErrorCodes;

/** States that a job does not leave (ARCP §7.3). */
export const terminalStatuses = ["success", "error", "cancelled", "timed_out"] as const;
/** How a job may end (ARCP §7.3). */
export type TerminalStatus = (typeof terminalStatuses)[number];
