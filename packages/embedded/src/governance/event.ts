import type { EmittedEvent } from "@imprest/core/models/cycles";
import type { EventDataByType } from "@imprest/core/models/cycles/governance";
import type { Actor, Moment } from "../ledger/facts.ts";

/** The tenant of events that are the system's own (Cycles governance §Event). */
export const systemTenant = "__system__";

/** What an event says, whenever and because of whatever it happens. */
export interface EventContent<Type extends keyof EventDataByType> {
  readonly type: Type;
  readonly tenant: string;
  readonly scope?: string | undefined;
  readonly data: EventDataByType[Type];
  readonly correlationId?: string | undefined;
}

/** The content of an event of any type, its data of that type. */
export type AnyEventContent = { [Type in keyof EventDataByType]: EventContent<Type> }[keyof EventDataByType];

/** The event as the wire has it (Cycles governance §Event). */
export function eventOf(
  { type, tenant, scope, data, correlationId }: AnyEventContent,
  { atMs, cause }: Moment,
): EmittedEvent {
  return {
    event_id: `evt_${crypto.randomUUID()}`,
    event_type: type,
    category: type.slice(0, type.indexOf(".")),
    timestamp: new Date(atMs).toISOString(),
    tenant_id: tenant,
    source: "imprest-embedded",
    ...(scope !== undefined && { scope }),
    actor: writeActor(cause?.actor ?? { role: "system" }),
    data: { ...data },
    ...(correlationId !== undefined && { correlation_id: correlationId }),
    ...(cause !== undefined && { request_id: cause.requestId, trace_id: cause.traceId }),
  };
}

function writeActor(actor: Actor): NonNullable<EmittedEvent["actor"]> {
  return actor.role === "apiKey" ? { type: "api_key", key_id: actor.keyId } : { type: actor.role };
}
