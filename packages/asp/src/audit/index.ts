export type { AuditConclusion, Unproven } from "./audit-conclusion.ts";
export type { AuditFinding } from "./audit-finding.ts";
export { type AuditIndex, type AuditIndexEntry, createMemoryIndex } from "./audit-index.ts";
export { type EventSigner, signAuditEvent, signatureAttribute } from "@imprest/core/audit";
export { createAuditor } from "./auditor.ts";
export type { Auditor, AuditorOptions } from "./auditor-options.ts";
export {
  type AuditCheckpoint,
  type CheckpointSigner,
  type OpenedCheckpoint,
  openCheckpoint,
  sealCheckpoint,
} from "./checkpoint.ts";
export { type FeedPositionState, sequenceKey } from "./feed-position.ts";
export { type FocusColumn, type FocusRow, applicableFocusColumns, focusColumns } from "./focus/columns.ts";
export {
  type FocusExporter,
  type FocusOmission,
  type FocusOptions,
  type FocusResult,
  createFocusExporter,
} from "./focus/exporter.ts";
export type { FocusMoney, FocusPrice, FocusPriced } from "./focus/rate.ts";
export type { FocusParties } from "./focus/row.ts";
export { focusCsvHeader, focusCsvLine, focusJsonLine } from "./focus/write-row.ts";
export { type AuditProfile, aspJcsV1, signedAttributes } from "./profile.ts";
export { readPromisedEvent } from "./read-promised-event.ts";
export type { AuditExpectation } from "./semantics.ts";
export { type AuditTrust, type AuditTrustOptions, createAuditTrust } from "./trust.ts";
export {
  type AuditEventReport,
  type AuditKey,
  type VerifyAuditEventOptions,
  verifyAuditEvent,
} from "./verify-audit-event.ts";
export { type AuditLineReport, type VerifyAuditFeedOptions, verifyAuditFeed } from "./verify-audit-feed.ts";
