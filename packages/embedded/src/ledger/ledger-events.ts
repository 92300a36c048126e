import type { EmittedEvent, EventDataByType } from "@imprest/core/models/cycles";

/** The events that a ledger tells by itself (Cycles v0.1.26 §EventTypeExtension). */
export type LedgerEventType =
  | "reservation.observed_denied"
  | "reservation.observed_allowed"
  | "quota.threshold_approaching";

/** Told of events once what they tell of is durable. What it throws is its own. */
export type LedgerEventListener = (event: EmittedEvent) => void;

/** The envelope of an event. */
export function ledgerEvent<Type extends LedgerEventType>(
  type: Type,
  tenant: string,
  nowMs: number,
  data: EventDataByType[Type],
): EmittedEvent {
  return {
    event_id: `evt_${crypto.randomUUID()}`,
    event_type: type,
    category: type.slice(0, type.indexOf(".")),
    timestamp: new Date(nowMs).toISOString(),
    tenant_id: tenant,
    source: "imprest-embedded",
    scope: data.scope,
    data: { ...data },
  };
}
