import { parseJson, stringifyJson } from "@imprest/core/internal";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import type { Journal } from "../ledger/journal.ts";
import type { ResolvedGovernance } from "./options.ts";

/** An event, and its place among all: events of one instant have an order too. */
export interface KeptEvent {
  readonly sequence: number;
  readonly event: EmittedEvent;
  /** The sampling that came with the request behind it; absent when none came. */
  readonly traceFlags?: string | undefined;
}

/** The events, oldest first, as durable as what they tell of; the oldest are forgotten first. */
export class EventLog {
  readonly #events = new Map<string, KeptEvent>();
  readonly #journal: Journal | undefined;
  readonly #retention: Pick<ResolvedGovernance["retention"], "forMs" | "events">;
  #nextSequence = 1;

  /** @param stored what an earlier run journaled, by store key. */
  constructor(
    journal: Journal | undefined,
    stored: ReadonlyMap<string, string>,
    retention: Pick<ResolvedGovernance["retention"], "forMs" | "events">,
  ) {
    this.#journal = journal;
    this.#retention = retention;
    const kept = Array.from(stored.values(), (text) => parseJson(text) as unknown as KeptEvent);
    for (const entry of kept.toSorted((one, other) => one.sequence - other.sequence)) {
      this.#events.set(entry.event.event_id, entry);
      this.#nextSequence = entry.sequence + 1;
    }
  }

  append(event: EmittedEvent, traceFlags?: string): KeptEvent {
    const entry: KeptEvent = { sequence: this.#nextSequence, event, traceFlags };
    this.#nextSequence += 1;
    this.#events.set(event.event_id, entry);
    this.#journal?.changed(entryKeyOf(event.event_id), () => stringifyJson(entry));
    this.#forget(Date.parse(event.timestamp));
    return entry;
  }

  get(eventId: string): EmittedEvent | undefined {
    return this.#events.get(eventId)?.event;
  }

  /** All that are kept, oldest first. */
  all(): Iterable<KeptEvent> {
    return this.#events.values();
  }

  #forget(nowMs: number): void {
    for (const { event } of this.#events.values()) {
      const isOld = nowMs - Date.parse(event.timestamp) > this.#retention.forMs;
      if (!isOld && this.#events.size <= this.#retention.events) return;
      this.#events.delete(event.event_id);
      this.#journal?.removed(entryKeyOf(event.event_id));
    }
  }
}

function entryKeyOf(eventId: string): string {
  return `event/${eventId}`;
}
