import { type Clock, type Logger, type Timer, parseJson, stringifyJson } from "@imprest/core";
import type { EmittedEvent, EventDataByType } from "@imprest/core/models/cycles";
import type { Journal } from "../ledger/journal.ts";
import { type EventTelling, systemTenant } from "../ledger/ledger-events.ts";
import { LedgerRefusal } from "../ledger/refusal.ts";
import { type Deliveries, type Delivery, isWaiting } from "./deliveries.ts";
import type { EventLog } from "./event-log.ts";
import type { ResolvedGovernance } from "./options.ts";
import { type AttemptOutcome, sendWebhook } from "./send-webhook.ts";
import { type CheckedWebhook, type Webhook, checkWebhook } from "./webhook.ts";

/** What is remembered of a webhook; what it is was configured, and is not stored: its secret must not be. */
interface Standing {
  readonly status: "ACTIVE" | "PAUSED" | "DISABLED";
  /** Deliveries that failed for good since one succeeded. */
  readonly consecutiveFailures: number;
}

/** A webhook as an operator sees it: never its secret. */
export interface WebhookInfo extends Standing {
  readonly id: string;
  readonly tenant?: string | undefined;
  readonly url: string;
}

/** What webhooks are delivered with. */
export interface WebhookParts {
  readonly log: EventLog;
  readonly deliveries: Deliveries;
  readonly journal: Journal | undefined;
  /** What an earlier run journaled, by store key. */
  readonly stored: ReadonlyMap<string, string>;
  readonly options: ResolvedGovernance;
  readonly clock: Clock;
  readonly logger: Logger;
  tell<Type extends keyof EventDataByType>(telling: EventTelling<Type>): void;
}

interface Running {
  readonly webhook: CheckedWebhook;
  standing: Standing;
  isSending: boolean;
  timer: Timer | undefined;
}

type Lifecycle = "webhook.created" | "webhook.paused" | "webhook.resumed" | "webhook.disabled" | "webhook.deleted";

const fresh: Standing = { status: "ACTIVE", consecutiveFailures: 0 };

/**
 * Delivers events to webhooks: at least once, one at a time to each, again after a failure by the webhook's policy, and
 * not at all any more to one that failed too often (Cycles governance §WebhookSubscription).
 */
export class Webhooks {
  readonly #parts: WebhookParts;
  readonly #running = new Map<string, Running>();
  /** The standings of an earlier run that no webhook has taken up yet. */
  readonly #stored: Map<string, string>;
  readonly #stopping = new AbortController();

  constructor(parts: WebhookParts) {
    this.#parts = parts;
    this.#stored = new Map(parts.stored);
  }

  /** @throws ConfigurationError, and LedgerRefusal DUPLICATE_RESOURCE. */
  add(webhook: Webhook): void {
    const checked = checkWebhook(webhook, this.#parts.options.allowInsecureHttp);
    if (this.#running.has(checked.id)) {
      throw new LedgerRefusal("DUPLICATE_RESOURCE", `There is a webhook ${checked.id} already.`);
    }
    const stored = this.#stored.get(entryKeyOf(checked.id));
    this.#stored.delete(entryKeyOf(checked.id));
    const known = stored === undefined ? undefined : (parseJson(stored) as unknown as Standing);
    const running: Running = { webhook: checked, standing: known ?? fresh, isSending: false, timer: undefined };
    this.#running.set(checked.id, running);
    if (known === undefined) {
      this.#stand(running, fresh);
      this.#tellLifecycle(running, "webhook.created", undefined, { correlationId: `webhook_create:${checked.id}` });
    }
    this.#wake(running);
  }

  /** Forgets a webhook; what waited for it is not sent any more. @throws LedgerRefusal NOT_FOUND. */
  remove(id: string): void {
    const running = this.#find(id);
    running.timer?.clear();
    this.#drop(id, "The webhook was removed.");
    this.#running.delete(id);
    this.#parts.journal?.removed(entryKeyOf(id));
    this.#tellLifecycle(running, "webhook.deleted", running.standing.status);
  }

  /** Stops deliveries for a while: what comes meanwhile is not queued. @throws LedgerRefusal NOT_FOUND. */
  pause(id: string): void {
    const running = this.#find(id);
    if (running.standing.status === "ACTIVE") this.#turn(running, "PAUSED", "webhook.paused");
  }

  /** Delivers again, after a pause or after it was disabled. @throws LedgerRefusal NOT_FOUND. */
  resume(id: string): void {
    const running = this.#find(id);
    if (running.standing.status !== "ACTIVE") this.#turn(running, "ACTIVE", "webhook.resumed");
    this.#wake(running);
  }

  list(): WebhookInfo[] {
    return Array.from(this.#running.values(), ({ webhook: { id, tenant, url }, standing }) => ({
      id,
      ...(tenant !== undefined && { tenant }),
      url,
      ...standing,
    }));
  }

  find(id: string): CheckedWebhook | undefined {
    return this.#running.get(id)?.webhook;
  }

  /** @throws LedgerRefusal NOT_FOUND. */
  get(id: string): CheckedWebhook {
    return this.#find(id).webhook;
  }

  /** Queues an event for every webhook that receives it; sent once `wake` says that it is durable. */
  queue(event: EmittedEvent): void {
    for (const running of this.#running.values()) {
      if (running.webhook.receives(event)) this.#queueFor(running, event, undefined);
    }
  }

  /** Queues events once more (Cycles governance §replayEvents). @returns how many were queued: none unless it is active. */
  replay(id: string, events: readonly EmittedEvent[], replayId: string): number {
    const running = this.#find(id);
    return events.filter((event) => this.#queueFor(running, event, replayId)).length;
  }

  isReplaying(id: string): boolean {
    return [...this.#parts.deliveries.of(id)].some(
      (delivery) => delivery.replayId !== undefined && isWaiting(delivery),
    );
  }

  /** Sends what is due. */
  wake(): void {
    for (const running of this.#running.values()) this.#wake(running);
  }

  /** Closes a tenant's webhooks with it (Cycles governance §CASCADE SEMANTICS). */
  disableAllOf(tenant: string, correlationId: string): void {
    for (const running of this.#running.values()) {
      const { webhook, standing } = running;
      if (webhook.tenant !== tenant || standing.status === "DISABLED") continue;
      this.#stand(running, { ...standing, status: "DISABLED" });
      this.#drop(webhook.id, "The tenant was closed.");
      const data = { subscription_id: webhook.id, prior_status: standing.status, new_status: "DISABLED" };
      const telling = { type: "webhook.disabled_via_tenant_cascade", tenant, correlationId } as const;
      this.#parts.tell({ ...telling, data: { ...data, cascade_reason: "tenant_closed" } });
    }
  }

  /** Sends nothing any more; what waits is sent by the next run. */
  stop(): void {
    this.#stopping.abort();
    for (const { timer } of this.#running.values()) timer?.clear();
  }

  #queueFor({ webhook, standing }: Running, event: EmittedEvent, replayId: string | undefined): boolean {
    if (standing.status !== "ACTIVE") return false;
    const { event_id: eventId, event_type: eventType, trace_id: traceId } = event;
    const queuedAtMs = this.#parts.clock.now();
    this.#parts.deliveries.add({ webhookId: webhook.id, eventId, eventType, traceId, replayId, queuedAtMs });
    return true;
  }

  #wake(running: Running): void {
    if (running.isSending) return;
    running.timer?.clear();
    running.timer = undefined;
    const next = this.#next(running);
    if (next === undefined) return;
    const waitMs = next.dueAtMs - this.#parts.clock.now();
    if (waitMs <= 0) return this.#sendNext(running);
    // A wall clock that was set back must not put a delivery off for longer than the policy may.
    const delayMs = Math.min(waitMs, running.webhook.retry.maxDelayMs);
    running.timer = this.#parts.clock.setTimer(() => this.#sendNext(running), delayMs);
  }

  /** What is to be sent to a webhook next, if anything may be. */
  #next({ webhook, standing }: Running): Delivery | undefined {
    if (standing.status !== "ACTIVE" || this.#stopping.signal.aborted) return undefined;
    return this.#parts.deliveries.next(webhook.id);
  }

  #sendNext(running: Running): void {
    const next = this.#next(running);
    if (next === undefined || running.isSending) return;
    running.isSending = true;
    this.#attempt(running, next)
      .catch((error: unknown) => {
        const why = error instanceof Error ? error.message : "unknown";
        this.#parts.logger.error("a webhook delivery could not be made", { webhook: running.webhook.id, error: why });
      })
      .finally(() => {
        running.isSending = false;
        this.#wake(running);
      });
  }

  async #attempt(running: Running, delivery: Delivery): Promise<void> {
    const { log, deliveries, clock, options, journal } = this.#parts;
    const event = log.get(delivery.eventId);
    if (event === undefined) {
      deliveries.put({ ...delivery, status: "FAILED", completedAtMs: clock.now(), error: "The event is forgotten." });
      return;
    }
    const attemptedAtMs = clock.now();
    const { transport, deliveryTimeoutMs: timeoutMs } = options;
    const parts = { transport, clock, timeoutMs, signal: this.#stopping.signal };
    const outcome = await sendWebhook(running.webhook, event, parts);
    // Cut off by the stop: whether it arrived is open, so the next run sends it again.
    if (this.#stopping.signal.aborted && !outcome.isDelivered) return;
    // Removed meanwhile.
    if (this.#running.get(running.webhook.id) !== running) return;
    this.#note(running, { ...delivery, attempts: delivery.attempts + 1, attemptedAtMs }, outcome);
    await journal?.durable();
  }

  #note(running: Running, delivery: Delivery, outcome: AttemptOutcome): void {
    const { isDelivered, status: responseStatus, error, tookMs } = outcome;
    const { deliveries, clock } = this.#parts;
    const { retry } = running.webhook;
    const now = clock.now();
    const tried = { ...delivery, responseStatus, responseTimeMs: tookMs, error };
    if (isDelivered) {
      deliveries.put({ ...tried, status: "SUCCESS", completedAtMs: now });
      if (running.standing.consecutiveFailures > 0)
        this.#stand(running, { ...running.standing, consecutiveFailures: 0 });
      return;
    }
    if (delivery.attempts <= retry.maxRetries) {
      const delayMs = Math.min(
        retry.maxDelayMs,
        retry.initialDelayMs * retry.backoffMultiplier ** (delivery.attempts - 1),
      );
      deliveries.put({ ...tried, status: "RETRYING", dueAtMs: now + Math.round(delayMs) });
      return;
    }
    deliveries.put({ ...tried, status: "FAILED", completedAtMs: now });
    this.#failed(running, delivery, error);
  }

  /** A delivery has failed for good. */
  #failed(running: Running, { id, eventId, eventType, attempts }: Delivery, error: string | undefined): void {
    const { webhook, standing } = running;
    const consecutiveFailures = standing.consecutiveFailures + 1;
    this.#stand(running, { ...standing, consecutiveFailures });
    // The failure of what tells of a failure is not told: two webhooks that are away would tell each other for ever.
    if (!eventType.startsWith("system.")) {
      const details = {
        subscription_id: webhook.id,
        delivery_id: id,
        event_id: eventId,
        event_type: eventType,
        attempts,
      };
      const message = `A webhook delivery failed after ${attempts} attempts: ${error ?? "unknown"}`;
      const data = { component: "webhooks", message, severity: "warning", details };
      this.#parts.tell({ type: "system.webhook_delivery_failed", tenant: systemTenant, data });
    }
    if (consecutiveFailures < webhook.disableAfterFailures || standing.status === "DISABLED") return;
    const reason = "consecutive_failures_exceeded_threshold";
    const correlationId = `webhook_auto_disable:${webhook.id}:${id}`;
    this.#turn(running, "DISABLED", "webhook.disabled", { reason, correlationId });
    this.#drop(webhook.id, "The webhook was disabled.");
  }

  #turn(
    running: Running,
    status: Standing["status"],
    type: Lifecycle,
    more: { readonly reason?: string; readonly correlationId?: string } = {},
  ): void {
    const { status: previous, consecutiveFailures } = running.standing;
    this.#stand(running, { status, consecutiveFailures: status === "ACTIVE" ? 0 : consecutiveFailures });
    this.#tellLifecycle(running, type, previous, more);
  }

  #stand(running: Running, standing: Standing): void {
    running.standing = standing;
    this.#parts.journal?.changed(entryKeyOf(running.webhook.id), () => stringifyJson({ ...standing }));
  }

  #drop(id: string, error: string): void {
    const completedAtMs = this.#parts.clock.now();
    for (const delivery of [...this.#parts.deliveries.of(id)].filter(isWaiting)) {
      this.#parts.deliveries.put({ ...delivery, status: "FAILED", completedAtMs, error });
    }
  }

  #tellLifecycle(
    { webhook: { id, tenant = systemTenant }, standing }: Running,
    type: Lifecycle,
    previous: Standing["status"] | undefined,
    { reason, correlationId }: { readonly reason?: string; readonly correlationId?: string } = {},
  ): void {
    const data = {
      tenant_id: tenant,
      subscription_id: id,
      ...(previous !== undefined && { previous_status: previous }),
      ...(type !== "webhook.deleted" && { new_status: standing.status }),
      ...(reason !== undefined && { disable_reason: reason }),
    };
    this.#parts.tell({ type, tenant, data, correlationId });
  }

  #find(id: string): Running {
    const running = this.#running.get(id);
    if (running !== undefined) return running;
    throw new LedgerRefusal("NOT_FOUND", `There is no webhook ${id}.`);
  }
}

function entryKeyOf(id: string): string {
  return `webhook/${id}`;
}
