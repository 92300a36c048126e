import type { Clock, Logger, Timer } from "@imprest/core";
import type { Journal } from "../ledger/journal.ts";
import type { Deliveries, Delivery } from "./deliveries.ts";
import type { EventLog } from "./event-log.ts";
import type { ResolvedGovernance } from "./options.ts";
import { type AttemptOutcome, sendWebhook } from "./send-webhook.ts";
import type { CheckedWebhook } from "./webhook.ts";

/** What deliveries are made with. */
export interface DeliveryParts {
  readonly log: EventLog;
  readonly deliveries: Deliveries;
  readonly journal: Journal | undefined;
  readonly options: ResolvedGovernance;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who owns the webhook, and records how it fares. */
export interface DeliveryOwner {
  /** Whether anything may be sent. */
  isActive(): boolean;
  delivered(): void;
  /** A delivery has failed for good. */
  failed(delivery: Delivery): void;
}

/** Makes one webhook's deliveries: one at a time, what is due first, again after a failure by the webhook's policy. */
export class DeliveryLoop {
  readonly #webhook: CheckedWebhook;
  readonly #parts: DeliveryParts;
  readonly #owner: DeliveryOwner;
  readonly #stopping = new AbortController();
  #isSending = false;
  #timer: Timer | undefined;

  constructor(webhook: CheckedWebhook, parts: DeliveryParts, owner: DeliveryOwner) {
    this.#webhook = webhook;
    this.#parts = parts;
    this.#owner = owner;
  }

  /** Sends what is due, and comes back for what will be. */
  wake(): void {
    if (this.#isSending) return;
    this.#timer?.clear();
    this.#timer = undefined;
    const next = this.#next();
    if (next === undefined) return;
    const waitMs = next.dueAtMs - this.#parts.clock.now();
    if (next.status === "PENDING" || waitMs <= 0) return this.#sendNext();
    // A wall clock that was set back must not put a delivery off for longer than the policy may.
    const delayMs = Math.min(waitMs, this.#webhook.retry.maxDelayMs);
    this.#timer = this.#parts.clock.setTimer(() => this.#sendNext(), delayMs);
  }

  /** Sends nothing any more, and cuts off what is under way. */
  stop(): void {
    this.#stopping.abort();
    this.#timer?.clear();
  }

  #next(): Delivery | undefined {
    if (!this.#owner.isActive() || this.#stopping.signal.aborted) return undefined;
    return this.#parts.deliveries.next(this.#webhook.id, this.#parts.clock.now());
  }

  #sendNext(): void {
    const next = this.#next();
    if (next === undefined || this.#isSending) return;
    this.#isSending = true;
    this.#attempt(next)
      .catch((error: unknown) => {
        const why = error instanceof Error ? error.message : "unknown";
        this.#parts.logger.error("a webhook delivery could not be made", { webhook: this.#webhook.id, error: why });
        // Only the ledger's store fails here: what is in memory may not be durable, and nothing more is sent of it.
        this.stop();
      })
      .finally(() => {
        this.#isSending = false;
        this.wake();
      });
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { log, deliveries, clock, options, journal } = this.#parts;
    // It may have been queued while another was being sent: nothing is sent of what a crash could still undo.
    await journal?.durable();
    if (this.#stopping.signal.aborted || !deliveries.holds(delivery)) return;
    const event = log.get(delivery.eventId);
    const attemptedAtMs = clock.now();
    const isStale = attemptedAtMs - delivery.queuedAtMs > options.staleAfterMs;
    if (event === undefined || isStale) {
      const error = event === undefined ? "The event is forgotten." : "It waited for too long; replay the event.";
      deliveries.put({ ...delivery, status: "FAILED", completedAtMs: attemptedAtMs, error });
      return;
    }
    const { deliveryTimeoutMs: timeoutMs } = options;
    const transport = this.#webhook.tenant === undefined ? options.transport : options.tenantTransport;
    const parts = { transport, clock, timeoutMs, signal: this.#stopping.signal };
    const outcome = await sendWebhook(this.#webhook, { event, ...delivery }, parts);
    // Cut off by the stop: whether it arrived is open, so the next run sends it again.
    if (this.#stopping.signal.aborted && !outcome.isDelivered) return;
    // Dropped meanwhile: its webhook was disabled or removed, or newer ones needed its place.
    if (!deliveries.holds(delivery)) return;
    this.#note({ ...delivery, attempts: delivery.attempts + 1, attemptedAtMs }, outcome);
    await journal?.durable();
  }

  #note(delivery: Delivery, { isDelivered, status: responseStatus, error, tookMs }: AttemptOutcome): void {
    const { deliveries, clock } = this.#parts;
    const { maxRetries, initialDelayMs, backoffMultiplier, maxDelayMs } = this.#webhook.retry;
    const now = clock.now();
    const tried = { ...delivery, responseStatus, responseTimeMs: tookMs, error };
    if (isDelivered) {
      deliveries.put({ ...tried, status: "SUCCESS", completedAtMs: now });
      this.#owner.delivered();
    } else if (delivery.attempts <= maxRetries) {
      const delayMs = Math.min(maxDelayMs, initialDelayMs * backoffMultiplier ** (delivery.attempts - 1));
      deliveries.put({ ...tried, status: "RETRYING", dueAtMs: now + Math.round(delayMs) });
    } else {
      deliveries.put({ ...tried, status: "FAILED", completedAtMs: now });
      this.#owner.failed(tried);
    }
  }
}
