import { parseJson, stringifyJson, utf8 } from "@imprest/core/internal";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import type { Journal } from "../ledger/journal.ts";
import { TenantRetention } from "../ledger/tenant-retention.ts";
import type { ResolvedGovernance } from "./options.ts";

/** An event, and its place among all: events of one instant have an order too. */
export interface KeptEvent {
  readonly sequence: number;
  readonly event: EmittedEvent;
  /** The sampling that came with the request behind it; absent when none came. */
  readonly traceFlags?: string | undefined;
}

/** An event as the retention counts it. */
interface Counted {
  readonly tenant: string;
  readonly entry: KeptEvent;
  readonly bytes: number;
}

type Bounds = Pick<ResolvedGovernance["retention"], "forMs" | "events" | "eventBytes">;

/** What the log works with. */
export interface EventLogParts {
  readonly journal: Journal | undefined;
  /** What an earlier run journaled, by store key. */
  readonly stored: ReadonlyMap<string, string>;
  readonly retention: Bounds;
  /** Whether a delivery still waits for an event. */
  readonly isAwaited: (eventId: string) => boolean;
}

/**
 * The events, oldest first, as durable as what they report. A tenant's oldest are forgotten first, and no other's; one
 * that a delivery waits for is found until it is made.
 */
export class EventLog {
  readonly #events = new Map<string, KeptEvent>();
  readonly #ofTenants = new Map<string, Map<string, KeptEvent>>();
  /** Beyond the retention, and waited for. */
  readonly #awaited = new Map<string, KeptEvent>();
  readonly #parts: EventLogParts;
  readonly #kept: TenantRetention<Counted>;
  #nextSequence = 1;

  constructor(parts: EventLogParts) {
    this.#parts = parts;
    const { forMs, events, eventBytes } = parts.retention;
    const most = { forMs, entries: events, bytes: eventBytes, bytesOf: ({ bytes }: Counted) => bytes };
    this.#kept = new TenantRetention(most, ({ entry }) => this.#forget(entry));
    const kept = Array.from(parts.stored.values(), (text) => parseJson(text) as unknown as KeptEvent);
    for (const entry of kept.toSorted((one, other) => one.sequence - other.sequence)) {
      this.#put(entry);
      this.#nextSequence = entry.sequence + 1;
    }
  }

  append(event: EmittedEvent, traceFlags?: string): KeptEvent {
    const entry: KeptEvent = { sequence: this.#nextSequence, event, traceFlags };
    this.#nextSequence += 1;
    this.#parts.journal?.changed(entryKeyOf(event.event_id), () => stringifyJson(entry));
    this.#put(entry);
    this.#kept.prune(Date.parse(event.timestamp));
    return entry;
  }

  get(eventId: string): EmittedEvent | undefined {
    return (this.#events.get(eventId) ?? this.#awaited.get(eventId))?.event;
  }

  /** All that are kept, oldest first. */
  all(): Iterable<KeptEvent> {
    return this.#events.values();
  }

  /** A tenant's, oldest first. */
  of(tenant: string): Iterable<KeptEvent> {
    return this.#ofTenants.get(tenant)?.values() ?? [];
  }

  /** No delivery waits for an event any more. */
  release(eventId: string): void {
    if (this.#awaited.delete(eventId)) this.#parts.journal?.removed(entryKeyOf(eventId));
  }

  #put(entry: KeptEvent): void {
    const { event } = entry;
    const { tenant_id: tenant } = event;
    const own = this.#ofTenants.get(tenant) ?? new Map<string, KeptEvent>();
    this.#ofTenants.set(tenant, own.set(event.event_id, entry));
    this.#events.set(event.event_id, entry);
    this.#kept.add({ tenant, entry, bytes: utf8(stringifyJson(entry)).length }, Date.parse(event.timestamp));
  }

  #forget(entry: KeptEvent): void {
    const { event_id: id, tenant_id: tenant } = entry.event;
    this.#events.delete(id);
    const own = this.#ofTenants.get(tenant);
    own?.delete(id);
    if (own?.size === 0) this.#ofTenants.delete(tenant);
    if (this.#parts.isAwaited(id)) this.#awaited.set(id, entry);
    else this.#parts.journal?.removed(entryKeyOf(id));
  }
}

function entryKeyOf(eventId: string): string {
  return `event/${eventId}`;
}
