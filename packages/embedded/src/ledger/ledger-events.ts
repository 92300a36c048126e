import type { EmittedEvent, EventDataByType } from "@imprest/core/models/cycles";

/** The tenant of events that are the system's own (Cycles governance §Event). */
export const systemTenant = "__system__";

/** The request that what happens now is a consequence of (Cycles governance §Event, request_id). */
export interface Cause {
  readonly requestId: string;
  readonly traceId: string;
  /** Two hex digits, where the request came with a `traceparent`. */
  readonly traceFlags?: string | undefined;
  readonly actor: NonNullable<EmittedEvent["actor"]>;
}

/** Told of events once what they tell of is durable. What it throws is its own. */
export type LedgerEventListener = (event: EmittedEvent) => void;

/** Where events are kept. */
export interface EventSink {
  /** Takes an event in; called in the very step that it tells of, so that one write makes both durable. */
  keep(event: EmittedEvent, traceFlags: string | undefined): void;
  /** Called once what was kept so far is durable. */
  kept(): void;
}

/** What an event tells, besides its data. */
export interface EventTelling<Type extends keyof EventDataByType> {
  readonly type: Type;
  readonly tenant: string;
  readonly scope?: string | undefined;
  readonly data: EventDataByType[Type];
  readonly correlationId?: string | undefined;
}

/** The event as the wire has it (Cycles governance §Event). */
export function eventOf<Type extends keyof EventDataByType>(
  { type, tenant, scope, data, correlationId }: EventTelling<Type>,
  atMs: number,
  cause: Cause | undefined,
): EmittedEvent {
  return {
    event_id: `evt_${crypto.randomUUID()}`,
    event_type: type,
    category: type.slice(0, type.indexOf(".")),
    timestamp: new Date(atMs).toISOString(),
    tenant_id: tenant,
    source: "imprest-embedded",
    ...(scope !== undefined && { scope }),
    actor: cause?.actor ?? { type: "system" },
    data: { ...data },
    ...(correlationId !== undefined && { correlation_id: correlationId }),
    ...(cause !== undefined && { request_id: cause.requestId, trace_id: cause.traceId }),
  };
}
