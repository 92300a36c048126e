export { LeaseAuthority, type LeaseAuthorityOptions, type LeaseBooks, type LeaseCurrency } from "./authority.ts";
export {
  ArcpError,
  type ArcpErrorCode,
  type ArcpErrorContext,
  ConsumerStalledError,
  JobLostError,
  ResultUnavailableError,
  SessionEndedError,
} from "./errors.ts";
export { type JobOptions, guard, withReservation } from "./guard.ts";
export { createIdentifier } from "./identifier.ts";
export type { JobCredential, JobCredentials } from "./job/credentials.ts";
export type { ArcpEvent } from "./job/event.ts";
export type { ArcpJob, ArcpSubscription } from "./job/job.ts";
export type { JobSettlement } from "./job/settlement.ts";
export type { JobOutcome } from "./job/job-outcome.ts";
export type { JobView } from "./job/job-view.ts";
export type { ResultStream } from "./job/result-body.ts";
export type { SubmitRequest } from "./job/submit-request.ts";
export {
  type AgentReference,
  type BudgetAmount,
  type BudgetGauge,
  Capability,
  type LeaseDescription,
  buildLease,
  formatAgentReference,
  formatBudgetAmount,
  formatMoney,
  leaseIssues,
  leasePermits,
  parseAgentReference,
  parseBudgetAmount,
} from "./lease/index.ts";
export { connect } from "./session/connect.ts";
export type { SessionState } from "./session/connection-hooks.ts";
export type { SessionEvents } from "./session/events.ts";
export type { Hole } from "./frame/sequence.ts";
export type { ConnectOptions, ConnectTarget, TokenRequest, TokenSource } from "./session/options.ts";
export { redactFrame } from "./frame/redact.ts";
export type { ArcpSession, ListJobsRequest, ListedJob, SubscribeOptions } from "./session/session.ts";
export type { SessionTicket } from "./session/ticket.ts";
export { createMemoryPair } from "./transport/memory.ts";
export type { ArcpTransport, TransportClosed } from "./transport/transport.ts";
export {
  type WebSocketConstructor,
  type WebSocketLike,
  isConfidentialUrl,
  openWebSocket,
} from "./transport/web-socket.ts";
