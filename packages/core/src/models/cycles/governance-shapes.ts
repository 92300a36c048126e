// The models of the governance plane as shapes of our own, free of zod.
export { actionKindShape, actionKindRegistryPageShape } from "./action-kind.ts";
export {
  actionQuotaCounterListResponseShape,
  actionQuotaCounterQueryShape,
  actionQuotaCounterResetRequestShape,
  actionQuotaCounterResetResponseShape,
  actionQuotaStateShape,
} from "./action-quota.ts";
export {
  authIntrospectResponseShape,
  budgetLedgerShape,
  budgetLedgerListResponseShape,
  budgetLedgerQueryShape,
  eventListQueryShape,
  eventListResponseShape,
  eventReplayRequestShape,
  eventReplayResponseShape,
  tenantEventListQueryShape,
  webhookDeliveryShape,
  webhookDeliveryListQueryShape,
  webhookDeliveryListResponseShape,
} from "./governance.ts";
export { eventDataShapes } from "./event-data-shapes.ts";
