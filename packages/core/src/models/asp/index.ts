export {
  type AuditDataBase,
  type AuditDataBySuffix,
  type AuditEvent,
  type BypassedData,
  type CommitData,
  type LateCommitData,
  type OverageChargedData,
  type OverageRejectedData,
  type ReconciliationGapData,
  type RefundData,
  type ReleaseData,
  type ReplayRejectedData,
  type ReserveData,
  type TtlExpiredData,
  auditDataBySuffix,
} from "./audit-event.ts";
export { isAtomicAmount, parseAtomicAmount } from "./atomic-amount.ts";
export { type AuthorityMetadata, authorityMetadata } from "./authority-metadata.ts";
export {
  aspRuntimeMetadataKeys,
  type AspErrorCode,
  type AspMethod,
  type AuditSuffix,
  aspAddedErrorCodes,
  aspCursorHeader,
  aspDecisions,
  aspDirections,
  aspDraftErrorCodes,
  aspErrorHeader,
  aspFeedPath,
  aspJwksPath,
  aspMetadataPath,
  aspMethods,
  aspMostDigits,
  aspServicePath,
  auditSuffixes,
} from "./names.ts";
export type { ProtoStruct } from "../../wire/proto.ts";
export {
  type QueryBudgetRequest,
  type QueryBudgetResponse,
  queryBudgetRequest,
  queryBudgetResponse,
} from "./query-budget.ts";
export {
  type AllowCap,
  type BudgetClaim,
  type ReserveRequest,
  type ReserveResponse,
  allowCap,
  budgetClaim,
  reserveRequest,
  reserveResponse,
} from "./reserve.ts";
export {
  type CommitRequest,
  type CommitResponse,
  type RefundRequest,
  type RefundResponse,
  type ReleaseRequest,
  type ReleaseResponse,
  commitRequest,
  commitResponse,
  refundRequest,
  refundResponse,
  releaseRequest,
  releaseResponse,
} from "./settle.ts";
export { parseTimestamp } from "./timestamp.ts";
