import type { Clock, Logger } from "@imprest/core";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import type {
  EventListQuery,
  EventReplayRequest,
  WebhookDeliveryListQuery,
} from "@imprest/core/models/cycles/governance";
import { AdminKeys } from "../access/admin-keys.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Page, pageOf } from "../ledger/page.ts";
import { LedgerRefusal } from "../ledger/refusal.ts";
import type { Calling } from "../ledger/requests.ts";
import { isWithin } from "../ledger/scope-filter.ts";
import { Deliveries, type Delivery } from "./deliveries.ts";
import { EventLog, type KeptEvent } from "./event-log.ts";
import type { EventSink, EventStream } from "./event-stream.ts";
import { listEvents, listTenantEvents } from "./list-events.ts";
import { type GovernanceOptions, resolveGovernance } from "./options.ts";
import { Webhooks } from "./webhooks.ts";

export interface GovernanceParts {
  readonly ledger: Ledger;
  readonly events: EventStream;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the governance plane of the Cycles protocol knows: events, webhooks, deliveries, and who administers. */
export class GovernancePlane implements EventSink {
  readonly ledger: Ledger;
  readonly adminKeys: AdminKeys;
  readonly webhooks: Webhooks;
  readonly #log: EventLog;
  readonly #deliveries: Deliveries;

  /** @throws ConfigurationError naming the option. */
  constructor(options: GovernanceOptions, { ledger, events, clock, logger }: GovernanceParts) {
    const resolved = resolveGovernance(options);
    const { journal } = ledger;
    this.ledger = ledger;
    this.adminKeys = new AdminKeys(resolved.adminKeys);
    const { retention } = resolved;
    // Deliveries that are forgotten while they are read release nothing: the log has not begun to forget.
    let log: EventLog | undefined;
    const onMade = (eventId: string): void => log?.release(eventId);
    this.#deliveries = new Deliveries({ journal, stored: ledger.claim("delivery"), retention, clock, logger, onMade });
    const isAwaited = (eventId: string): boolean => this.#deliveries.awaits(eventId);
    log = new EventLog({ journal, stored: ledger.claim("event"), retention, isAwaited });
    this.#log = log;
    this.webhooks = new Webhooks({
      log: this.#log,
      deliveries: this.#deliveries,
      journal,
      stored: ledger.claim("webhook"),
      options: resolved,
      clock,
      logger,
      emit: (content) => events.emit(content),
      causedBy: (cause, operation) => ledger.causedBy(cause, operation),
    });
    events.keepIn(this);
  }

  keep(event: EmittedEvent, traceFlags: string | undefined): void {
    this.webhooks.queue(this.#log.append(event, traceFlags));
  }

  kept(): void {
    this.webhooks.wake();
  }

  listEvents(query: EventListQuery): Page<EmittedEvent> {
    return listEvents(this.#log.all(), query);
  }

  listTenantEvents({ tenant, within }: Calling, query: EventListQuery): Page<EmittedEvent> {
    const isSeen = ({ event }: KeptEvent): boolean =>
      within === undefined || (event.scope !== undefined && isWithin(within, event.scope));
    return listTenantEvents(Iterator.from(this.#log.of(tenant)).filter(isSeen), tenant, query);
  }

  getEvent(eventId: string): EmittedEvent | undefined {
    return this.#log.get(eventId);
  }

  /** What became of a webhook's deliveries, latest first. @throws LedgerRefusal NOT_FOUND. */
  listDeliveries(webhookId: string, query: WebhookDeliveryListQuery): Page<Delivery> {
    this.webhooks.get(webhookId);
    const { status, from, to, limit, cursor } = query;
    const found = [...this.#deliveries.of(webhookId)].filter((delivery) => {
      const atMs = delivery.attemptedAtMs ?? delivery.queuedAtMs;
      return (
        (status === undefined || delivery.status === status) &&
        (from === undefined || atMs >= Date.parse(from)) &&
        (to === undefined || atMs <= Date.parse(to))
      );
    });
    const order = { descending: true, filter: [webhookId, status, from, to] };
    return pageOf(found, ({ sequence, id }) => [sequence, id], order, { limit, cursor });
  }

  /**
   * Delivers the events of a window again, oldest first, all of them or none (Cycles governance §replayEvents).
   * @throws LedgerRefusal NOT_FOUND; INVALID_REQUEST when there are more than `max_events`.
   * @returns `undefined` while another replay to this webhook is under way.
   */
  replay(
    webhookId: string,
    { from, to, event_types: types, max_events: most = 100 }: EventReplayRequest,
  ): { readonly replayId: string; readonly queued: number } | undefined {
    const webhook = this.webhooks.get(webhookId);
    const events = webhook.tenant === undefined ? this.#log.all() : this.#log.of(webhook.tenant);
    const chosen = Array.from(events).filter(
      ({ event }) =>
        webhook.receives(event) &&
        (types === undefined || types.includes(event.event_type)) &&
        (from === undefined || Date.parse(event.timestamp) >= Date.parse(from)) &&
        (to === undefined || Date.parse(event.timestamp) <= Date.parse(to)),
    );
    if (chosen.length > most) {
      const message = `The window holds ${chosen.length} events; narrow it, or raise max_events (1000 at most).`;
      throw new LedgerRefusal("INVALID_REQUEST", message);
    }
    if (this.webhooks.isReplaying(webhookId)) return undefined;
    const replayId = `replay_${crypto.randomUUID()}`;
    const queued = this.webhooks.replay(webhookId, chosen, replayId);
    // Every call rejects once the store has failed.
    this.ledger.durable().then(
      () => this.webhooks.wake(),
      () => {},
    );
    return { replayId, queued };
  }

  stop(): void {
    this.webhooks.stop();
  }
}
