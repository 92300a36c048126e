// The models of the governance plane as shapes of our own, free of zod.
export { actionKind, actionKindRegistryPage } from "./action-kind.ts";
export {
  actionQuotaCounterListResponse,
  actionQuotaCounterQuery,
  actionQuotaCounterResetRequest,
  actionQuotaCounterResetResponse,
  actionQuotaState,
} from "./action-quota.ts";
export {
  authIntrospectResponse,
  budgetLedger,
  budgetLedgerListResponse,
  budgetLedgerQuery,
  eventListQuery,
  eventListResponse,
  eventReplayRequest,
  eventReplayResponse,
  tenantEventListQuery,
  webhookDelivery,
  webhookDeliveryListQuery,
  webhookDeliveryListResponse,
} from "./governance.ts";
export { eventDataByType } from "./event-data-shapes.ts";
