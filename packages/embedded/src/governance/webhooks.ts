import { parseJson, randomHex, stringifyJson } from "@imprest/core/internal";
import type { Cause } from "../ledger/facts.ts";
import { LedgerRefusal } from "../ledger/refusal.ts";
import type { Delivery } from "./deliveries.ts";
import { DeliveryLoop, type DeliveryParts } from "./delivery-loop.ts";
import { type AnyEventContent, systemTenant } from "./event.ts";
import type { KeptEvent } from "./event-log.ts";
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
export interface WebhookParts extends DeliveryParts {
  /** What an earlier run journaled, by store key. */
  readonly stored: ReadonlyMap<string, string>;
  emit(content: AnyEventContent): void;
  causedBy<Outcome>(cause: Cause, operation: () => Outcome): Outcome;
}

interface Running {
  readonly webhook: CheckedWebhook;
  readonly loop: DeliveryLoop;
  standing: Standing;
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

  constructor(parts: WebhookParts) {
    this.#parts = parts;
    this.#stored = new Map(parts.stored);
  }

  /** @throws ConfigurationError, and LedgerRefusal DUPLICATE_RESOURCE. */
  add(webhook: Webhook): void {
    const checked = checkWebhook(webhook, this.#parts.options);
    if (this.#running.has(checked.id)) {
      throw new LedgerRefusal("DUPLICATE_RESOURCE", `There is a webhook ${checked.id} already.`);
    }
    const stored = this.#stored.get(entryKeyOf(checked.id));
    this.#stored.delete(entryKeyOf(checked.id));
    const known = stored === undefined ? undefined : (parseJson(stored) as unknown as Standing);
    const loop: DeliveryLoop = new DeliveryLoop(checked, this.#parts, {
      isActive: () => running.standing.status === "ACTIVE",
      delivered: () => this.#delivered(running),
      failed: (delivery) => this.#onBehalf(delivery, () => this.#failed(running, delivery)),
    });
    const running: Running = { webhook: checked, loop, standing: known ?? fresh };
    this.#running.set(checked.id, running);
    if (known === undefined) {
      this.#stand(running, fresh);
      this.#emitLifecycle(running, "webhook.created", undefined, { correlationId: `webhook_create:${checked.id}` });
    }
    loop.wake();
  }

  /** Forgets a webhook; what waited for it is not sent any more. @throws LedgerRefusal NOT_FOUND. */
  remove(id: string): void {
    const running = this.#find(id);
    running.loop.stop();
    this.#parts.deliveries.forget(id);
    this.#running.delete(id);
    this.#parts.journal?.removed(entryKeyOf(id));
    this.#emitLifecycle(running, "webhook.deleted", running.standing.status, { correlationId: `webhook_delete:${id}` });
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
    running.loop.wake();
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
  queue(kept: KeptEvent): void {
    for (const running of this.#running.values()) {
      if (running.webhook.receives(kept.event)) this.#queueFor(running, kept, undefined);
    }
  }

  /** Queues events once more (Cycles governance §replayEvents). @returns how many were queued: none unless it is active. */
  replay(id: string, events: readonly KeptEvent[], replayId: string): number {
    const running = this.#find(id);
    return events.filter((event) => this.#queueFor(running, event, replayId)).length;
  }

  isReplaying(id: string): boolean {
    return this.#parts.deliveries.waiting(id).some(({ replayId }) => replayId !== undefined);
  }

  /** Sends what is due. */
  wake(): void {
    for (const { loop } of this.#running.values()) loop.wake();
  }

  /** Closes a tenant's webhooks with it (Cycles governance §CASCADE SEMANTICS). */
  disableAllOf(tenant: string, correlationId: string): void {
    for (const running of this.#running.values()) {
      const { webhook, standing } = running;
      if (webhook.tenant !== tenant || standing.status === "DISABLED") continue;
      this.#stand(running, { ...standing, status: "DISABLED" });
      this.#drop(webhook.id, "The tenant was closed.");
      const data = { subscription_id: webhook.id, prior_status: standing.status, new_status: "DISABLED" };
      const about = { type: "webhook.disabled_via_tenant_cascade", tenant, correlationId } as const;
      this.#parts.emit({ ...about, data: { ...data, cascade_reason: "tenant_closed" } });
    }
  }

  /** Sends nothing any more; what waits is sent by the next run. */
  stop(): void {
    for (const { loop } of this.#running.values()) loop.stop();
  }

  #queueFor({ webhook, standing }: Running, { event, traceFlags }: KeptEvent, replayId: string | undefined): boolean {
    if (standing.status !== "ACTIVE") return false;
    const { event_id: eventId, event_type: eventType, trace_id: traceId = randomHex(16) } = event;
    const queuedAtMs = this.#parts.clock.now();
    const about = { eventId, eventType, traceId, traceFlags };
    this.#parts.deliveries.add({ webhookId: webhook.id, ...about, replayId, queuedAtMs });
    return true;
  }

  #delivered(running: Running): void {
    if (running.standing.consecutiveFailures > 0) this.#stand(running, { ...running.standing, consecutiveFailures: 0 });
  }

  /** What follows from an event carries the ids of the request behind it (Cycles governance §Event, request_id). */
  #onBehalf({ eventId, traceFlags }: Delivery, operation: () => void): void {
    const { request_id: requestId, trace_id: traceId } = this.#parts.log.get(eventId) ?? {};
    if (requestId === undefined || traceId === undefined) return operation();
    this.#parts.causedBy({ requestId, traceId, traceFlags, actor: { role: "system" } }, operation);
  }

  /** A delivery has failed for good. */
  #failed(running: Running, { id, eventId, eventType, attempts, error }: Delivery): void {
    const { webhook, standing } = running;
    const consecutiveFailures = standing.consecutiveFailures + 1;
    this.#stand(running, { ...standing, consecutiveFailures });
    // A failed delivery of a delivery's failure emits no event: two webhooks that are away would cause each other's for ever.
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
      this.#parts.emit({ type: "system.webhook_delivery_failed", tenant: systemTenant, data });
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
    this.#emitLifecycle(running, type, previous, more);
  }

  #stand(running: Running, standing: Standing): void {
    running.standing = standing;
    this.#parts.journal?.changed(entryKeyOf(running.webhook.id), () => stringifyJson({ ...standing }));
  }

  #drop(id: string, error: string): void {
    const completedAtMs = this.#parts.clock.now();
    for (const delivery of this.#parts.deliveries.waiting(id)) {
      this.#parts.deliveries.put({ ...delivery, status: "FAILED", completedAtMs, error });
    }
  }

  #emitLifecycle(
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
    this.#parts.emit({ type, tenant, data, correlationId });
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
