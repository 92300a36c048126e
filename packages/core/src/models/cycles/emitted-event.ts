import { hexDigits, jsonObject, loose, openOneOf, text } from "../../wire/leaves.ts";
import { type Shape, object, optional } from "../../wire/shape.ts";

/** Who or what caused an event. */
export interface EventActor {
  /** `admin`, `api_key`, `admin_on_behalf_of`, `system`, `scheduler`; open. */
  readonly type?: string | undefined;
  readonly key_id?: string | undefined;
  readonly source_ip?: string | undefined;
}

/**
 * Something that happened, as a webhook delivers it (Cycles governance §Event). A receiver ignores types it does not
 * know, drops repetitions by `event_id`, and orders by `timestamp`, not by arrival.
 */
export interface EmittedEvent {
  readonly event_id: string;
  /** `reservation.denied`, `budget.exhausted` …; open. */
  readonly event_type: string;
  readonly category: string;
  /** ISO 8601. */
  readonly timestamp: string;
  /** `__system__` for events of the system itself. */
  readonly tenant_id: string;
  /** The service that emitted it. */
  readonly source: string;
  readonly scope?: string | undefined;
  readonly actor?: EventActor | undefined;
  /** What the type says about it. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly correlation_id?: string | undefined;
  readonly request_id?: string | undefined;
  readonly trace_id?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

const actorTypes = ["admin", "api_key", "admin_on_behalf_of", "system", "scheduler"] as const;

export const emittedEvent: Shape<EmittedEvent> = object({
  event_id: text,
  event_type: text,
  category: openOneOf(["budget", "tenant", "api_key", "policy", "reservation", "system", "webhook"]),
  timestamp: text,
  tenant_id: text,
  source: text,
  scope: optional(text),
  actor: optional(object({ type: optional(openOneOf(actorTypes)), key_id: optional(text), source_ip: optional(text) })),
  data: optional(jsonObject),
  correlation_id: optional(text),
  request_id: optional(text),
  trace_id: optional(loose(hexDigits(32))),
  metadata: optional(jsonObject),
});
