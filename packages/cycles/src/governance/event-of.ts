import { parseWire } from "@imprest/core/internal";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import { type EventDataByType, type EventType, eventDataByType } from "@imprest/core/models/cycles/governance";

/** An event of a known type, with its data as that type has it. */
export type EventOf<Type extends EventType> = Omit<EmittedEvent, "event_type" | "data"> & {
  readonly event_type: Type;
  /** Members that this version does not know are kept. */
  readonly data: EventDataByType[Type];
};

/** Whether this version knows the type. One that it does not know is ignored, not refused (Cycles governance §EventType). */
export function isKnownEventType(type: string): type is EventType {
  return Object.hasOwn(eventDataByType, type);
}

/**
 * The event with its data typed, when it is of that type: `eventOf(event, "budget.exhausted")?.data.remaining`. Missing
 * data reads as empty where the type requires nothing of it.
 * @returns `undefined` for an event of another type.
 * @throws ValidationError for data that is not what the type says.
 */
export function eventOf<Type extends EventType>(event: EmittedEvent, type: Type): EventOf<Type> | undefined {
  if (event.event_type !== type) return undefined;
  const data = parseWire(eventDataByType[type], event.data ?? {}, `data of ${type}`);
  return { ...event, event_type: type, data };
}
