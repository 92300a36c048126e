import { parseJson, stringifyJson } from "@imprest/core";
import type { Journal } from "../ledger/journal.ts";

/** One event on its way to one webhook (Cycles governance §WebhookDelivery). */
export interface Delivery {
  readonly id: string;
  readonly sequence: number;
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly traceId?: string | undefined;
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

/** Whether it is still to be sent. */
export function isWaiting({ status }: Delivery): boolean {
  return status === "PENDING" || status === "RETRYING";
}

/** The deliveries of all webhooks, oldest first. What waits outlives the process where the ledger does. */
export class Deliveries {
  readonly #byWebhook = new Map<string, Map<string, Delivery>>();
  readonly #journal: Journal | undefined;
  readonly #most: number;
  #nextSequence = 1;

  /** @param stored what an earlier run journaled, by store key. @param most how many of one webhook are kept. */
  constructor(journal: Journal | undefined, stored: ReadonlyMap<string, string>, most: number) {
    this.#journal = journal;
    this.#most = most;
    const kept = Array.from(stored.values(), (text) => parseJson(text) as unknown as Delivery);
    for (const delivery of kept.toSorted((one, other) => one.sequence - other.sequence)) {
      this.#of(delivery.webhookId).set(delivery.id, delivery);
      this.#nextSequence = delivery.sequence + 1;
    }
  }

  add(fields: Pick<Delivery, "webhookId" | "eventId" | "eventType" | "traceId" | "replayId" | "queuedAtMs">): void {
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    const id = `whdel_${crypto.randomUUID()}`;
    this.put({ ...fields, id, sequence, status: "PENDING", attempts: 0, dueAtMs: fields.queuedAtMs });
    this.#forget(fields.webhookId);
  }

  /** Puts a delivery in the place of what it was before. */
  put(delivery: Delivery): void {
    this.#of(delivery.webhookId).set(delivery.id, delivery);
    this.#journal?.changed(entryKeyOf(delivery.id), () => stringifyJson(delivery));
  }

  /** Whether a delivery stands as it was last put. */
  holds(delivery: Delivery): boolean {
    return this.#byWebhook.get(delivery.webhookId)?.get(delivery.id) === delivery;
  }

  /** Those of a webhook, oldest first. */
  of(webhookId: string): Iterable<Delivery> {
    return this.#byWebhook.get(webhookId)?.values() ?? [];
  }

  /** The one to be sent next, due or not: by time, then as they were queued. */
  next(webhookId: string): Delivery | undefined {
    let first: Delivery | undefined;
    for (const delivery of this.of(webhookId)) {
      if (isWaiting(delivery) && (first === undefined || delivery.dueAtMs < first.dueAtMs)) first = delivery;
    }
    return first;
  }

  #of(webhookId: string): Map<string, Delivery> {
    const found = this.#byWebhook.get(webhookId) ?? new Map<string, Delivery>();
    this.#byWebhook.set(webhookId, found);
    return found;
  }

  /** The oldest go first, sent or not: a receiver that is away for good must not fill the memory. */
  #forget(webhookId: string): void {
    const all = this.#of(webhookId);
    for (const { id } of all.values()) {
      if (all.size <= this.#most) return;
      all.delete(id);
      this.#journal?.removed(entryKeyOf(id));
    }
  }
}

function entryKeyOf(id: string): string {
  return `delivery/${id}`;
}
