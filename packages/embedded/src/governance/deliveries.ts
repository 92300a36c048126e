import { type Clock, type Logger } from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import type { Journal } from "../ledger/journal.ts";

/** One event on its way to one webhook (Cycles governance §WebhookDelivery). */
export interface Delivery {
  readonly id: string;
  readonly sequence: number;
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly traceId: string;
  /** The sampling that came with the request behind the event. */
  readonly traceFlags?: string | undefined;
  /** The replay that it belongs to. */
  readonly replayId?: string | undefined;
  readonly queuedAtMs: number;
  readonly status: "PENDING" | "SUCCESS" | "FAILED" | "RETRYING";
  readonly attempts: number;
  readonly attemptedAtMs?: number | undefined;
  readonly completedAtMs?: number | undefined;
  /** When the next attempt is to be made. */
  readonly dueAtMs: number;
  readonly responseStatus?: number | undefined;
  readonly responseTimeMs?: number | undefined;
  readonly error?: string | undefined;
}

/** What is known of a delivery when it is queued. */
export type NewDelivery = Pick<
  Delivery,
  "webhookId" | "eventId" | "eventType" | "traceId" | "traceFlags" | "replayId" | "queuedAtMs"
>;

export interface DeliveriesParts {
  readonly journal: Journal | undefined;
  /** What an earlier run journaled, by store key. */
  readonly stored: ReadonlyMap<string, string>;
  readonly retention: { readonly deliveriesForMs: number; readonly deliveries: number };
  readonly clock: Clock;
  readonly logger: Logger;
  /** No delivery of this event waits any more. */
  readonly onMade: (eventId: string) => void;
}

/** Those of one webhook, in the order in which they were queued; apart from all, those that are still to be sent. */
interface Lane {
  readonly all: Map<string, Delivery>;
  readonly pending: Map<string, Delivery>;
  readonly retrying: Map<string, Delivery>;
}

/** The deliveries of all webhooks, oldest first. What waits outlives the process where the ledger does. */
export class Deliveries {
  readonly #lanes = new Map<string, Lane>();
  /** How many deliveries of an event are still to be made. */
  readonly #waits = new Map<string, number>();
  readonly #parts: DeliveriesParts;
  #nextSequence = 1;

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
    const kept = Array.from(parts.stored.values(), (text) => parseJson(text) as unknown as Delivery);
    for (const delivery of kept.toSorted((one, other) => one.sequence - other.sequence)) {
      this.#place(delivery);
      this.#nextSequence = delivery.sequence + 1;
    }
    for (const lane of this.#lanes.values()) this.#prune(lane);
  }

  add(fields: NewDelivery): void {
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    const id = `whdel_${crypto.randomUUID()}`;
    this.put({ ...fields, id, sequence, status: "PENDING", attempts: 0, dueAtMs: fields.queuedAtMs });
    this.#prune(this.#lane(fields.webhookId));
  }

  /** Puts a delivery in the place of what it was before. */
  put(delivery: Delivery): void {
    this.#place(delivery);
    this.#parts.journal?.changed(entryKeyOf(delivery.id), () => stringifyJson(delivery));
  }

  /** Whether an event is still to be delivered to anyone. */
  awaits(eventId: string): boolean {
    return this.#waits.has(eventId);
  }

  /** Whether a delivery stands as it was last put. */
  holds(delivery: Delivery): boolean {
    return this.#lanes.get(delivery.webhookId)?.all.get(delivery.id) === delivery;
  }

  /** Those of a webhook, oldest first. */
  of(webhookId: string): Iterable<Delivery> {
    return this.#lanes.get(webhookId)?.all.values() ?? [];
  }

  /** Those of a webhook that are still to be sent. */
  waiting(webhookId: string): Delivery[] {
    const lane = this.#lanes.get(webhookId);
    return lane === undefined ? [] : [...lane.pending.values(), ...lane.retrying.values()];
  }

  /**
   * The one to be sent next, due or not. First attempts are made in the order of the events, whatever the wall clock
   * does meanwhile; a retry comes between them once it is due (Cycles §Webhook delivery protocol, Ordering).
   */
  next(webhookId: string, nowMs: number): Delivery | undefined {
    const lane = this.#lanes.get(webhookId);
    if (lane === undefined) return undefined;
    const [first] = lane.pending.values();
    let retry: Delivery | undefined;
    for (const delivery of lane.retrying.values()) {
      if (retry === undefined || delivery.dueAtMs < retry.dueAtMs) retry = delivery;
    }
    if (first === undefined || retry === undefined) return first ?? retry;
    return retry.dueAtMs <= Math.min(nowMs, first.queuedAtMs) ? retry : first;
  }

  /** Forgets those of a webhook. */
  forget(webhookId: string): void {
    for (const { id } of this.of(webhookId)) this.#parts.journal?.removed(entryKeyOf(id));
    for (const { eventId } of this.waiting(webhookId)) this.#made(eventId);
    this.#lanes.delete(webhookId);
  }

  #place(delivery: Delivery): void {
    const { all, pending, retrying } = this.#lane(delivery.webhookId);
    const { id, status, eventId } = delivery;
    const waited = pending.has(id) || retrying.has(id);
    const waits = status === "PENDING" || status === "RETRYING";
    all.set(id, delivery);
    if (status === "PENDING") pending.set(id, delivery);
    else pending.delete(id);
    if (status === "RETRYING") retrying.set(id, delivery);
    else retrying.delete(id);
    if (waits && !waited) this.#waits.set(eventId, (this.#waits.get(eventId) ?? 0) + 1);
    if (waited && !waits) this.#made(eventId);
  }

  #made(eventId: string): void {
    const left = (this.#waits.get(eventId) ?? 1) - 1;
    if (left > 0) {
      this.#waits.set(eventId, left);
      return;
    }
    this.#waits.delete(eventId);
    this.#parts.onMade(eventId);
  }

  #lane(webhookId: string): Lane {
    const found = this.#lanes.get(webhookId) ?? { all: new Map(), pending: new Map(), retrying: new Map() };
    this.#lanes.set(webhookId, found);
    return found;
  }

  /** The oldest go first, sent or not: a receiver that is away for good must not fill the memory. */
  #prune({ all, pending, retrying }: Lane): void {
    const { clock, logger, journal, retention } = this.#parts;
    for (const { id, webhookId, eventId, queuedAtMs } of all.values()) {
      const isOld = clock.now() - queuedAtMs > retention.deliveriesForMs;
      if (!isOld && all.size <= retention.deliveries) return;
      all.delete(id);
      journal?.removed(entryKeyOf(id));
      const wasPending = pending.delete(id);
      if (!retrying.delete(id) && !wasPending) continue;
      this.#made(eventId);
      logger.warn("a webhook delivery was forgotten before it was made", { webhook: webhookId, event: eventId });
    }
  }
}

function entryKeyOf(id: string): string {
  return `delivery/${id}`;
}
