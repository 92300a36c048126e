import { type ApiKeySource, type CallOptions, ConfigurationError, ValidationError } from "@imprest/core";
import { parseWire, stringifyJson } from "@imprest/core/internal";
import {
  type ActionQuotaCounterListResponse,
  type ActionQuotaCounterQuery,
  type ActionQuotaCounterResetRequest,
  type ActionQuotaCounterResetResponse,
  type ActionQuotaState,
  type AuthIntrospectResponse,
  type BudgetLedger,
  type BudgetLedgerListResponse,
  type BudgetLedgerQuery,
  type EventListQuery,
  type EventListResponse,
  type EventReplayRequest,
  type EventReplayResponse,
  type TenantEventListQuery,
  type WebhookDelivery,
  type WebhookDeliveryListQuery,
  type WebhookDeliveryListResponse,
  actionQuotaCounterQuery,
  actionQuotaCounterResetRequest,
  budgetLedgerQuery,
  eventListQuery,
  eventReplayRequest,
  tenantEventListQuery,
  webhookDeliveryListQuery,
} from "@imprest/core/models/cycles/governance";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import { CyclesConnection, type Operation } from "../connection.ts";
import { ForbiddenError, UnauthorizedError } from "../errors.ts";
import type { CyclesClientOptions } from "../options.ts";
import { type Page, Pages } from "../pages.ts";
import { withQuery } from "../query.ts";
import * as operations from "./operations.ts";

/** How a `CyclesGovernanceClient` reaches the governance plane, usually another origin than the runtime plane's. */
export interface CyclesGovernanceOptions extends Omit<CyclesClientOptions, "apiKey" | "subject"> {
  /** A tenant's key, for the operations of a tenant. */
  readonly apiKey?: ApiKeySource | undefined;
  /** An administrator's key, for those across tenants. At least one of the two is given. */
  readonly adminApiKey?: ApiKeySource | undefined;
}

/** Whose key a call is made under. */
export type Role = "tenant" | "admin";

const keyOption = { tenant: "apiKey", admin: "adminApiKey" } as const;

/**
 * The governance plane as far as every Cycles server has it (x-conformance: normative): who am I, events, webhook
 * deliveries, budget ledgers. A method that needs a key which the client does not have throws a `ConfigurationError`;
 * otherwise errors are those of `CyclesClient`.
 */
export class CyclesGovernanceClient {
  readonly #connections: Readonly<Record<Role, CyclesConnection | undefined>>;

  /** @throws ConfigurationError naming the option that cannot be used. */
  constructor(options: CyclesGovernanceOptions) {
    const { apiKey, adminApiKey, ...rest } = options;
    if (apiKey === undefined && adminApiKey === undefined) {
      throw new ConfigurationError("Neither apiKey nor adminApiKey is given; give the one that the calls need.");
    }
    if ("subject" in rest) throw new ConfigurationError("There is no option subject; remove it.");
    this.#connections = {
      tenant: apiKey === undefined ? undefined : new CyclesConnection({ ...rest, apiKey }),
      admin:
        adminApiKey === undefined
          ? undefined
          : new CyclesConnection({ ...rest, apiKey: adminApiKey }, "x-admin-api-key"),
    };
  }

  /**
   * What the key may do; `undefined` when the server answers 401 or 403, which means no more than that the key has no
   * governance surface there, whatever the reason (Cycles governance §introspectAuth).
   * @param options.as whose key; the tenant's where there is one.
   */
  async introspect(
    options: CallOptions & { readonly as?: Role | undefined } = {},
  ): Promise<AuthIntrospectResponse | undefined> {
    const { as: role = this.#anyRole(), ...call } = options;
    try {
      return await this.#connection(role).read(operations.introspectAuth, "/v1/auth/introspect", call);
    } catch (error) {
      // The reference server answers 403 for a key that it does not know.
      if (UnauthorizedError.isInstance(error) || ForbiddenError.isInstance(error)) return undefined;
      throw error;
    }
  }

  /** The tenant's own events, page by page as they are iterated. @throws ValidationError at once. */
  listTenantEvents(query: TenantEventListQuery = {}, options?: CallOptions): Pages<EmittedEvent, EventListResponse> {
    const checked = parseWire(tenantEventListQuery, query, "list of events");
    return this.#list("tenant", operations.listTenantEvents, "/v1/events", checked, eventsOf, options);
  }

  /** Events of all tenants. Needs the administrator's key. @throws ValidationError at once. */
  listEvents(query: EventListQuery = {}, options?: CallOptions): Pages<EmittedEvent, EventListResponse> {
    const checked = parseWire(eventListQuery, query, "list of events");
    return this.#list("admin", operations.listEvents, "/v1/admin/events", checked, eventsOf, options);
  }

  /** One event. Needs the administrator's key. */
  async getEvent(eventId: string, options?: CallOptions): Promise<EmittedEvent> {
    return this.#connection("admin").read(operations.getEvent, `/v1/admin/events/${segment(eventId)}`, options);
  }

  /** What became of a subscription's deliveries. Needs the administrator's key. @throws ValidationError at once. */
  listWebhookDeliveries(
    subscriptionId: string,
    query: WebhookDeliveryListQuery = {},
    options?: CallOptions,
  ): Pages<WebhookDelivery, WebhookDeliveryListResponse> {
    const checked = parseWire(webhookDeliveryListQuery, query, "list of deliveries");
    const path = `/v1/admin/webhooks/${segment(subscriptionId)}/deliveries`;
    return this.#list("admin", operations.listWebhookDeliveries, path, checked, deliveriesOf, options);
  }

  /** As `listWebhookDeliveries`, for a subscription of the tenant whose key this is. */
  listTenantWebhookDeliveries(
    subscriptionId: string,
    query: WebhookDeliveryListQuery = {},
    options?: CallOptions,
  ): Pages<WebhookDelivery, WebhookDeliveryListResponse> {
    const checked = parseWire(webhookDeliveryListQuery, query, "list of deliveries");
    const path = `/v1/webhooks/${segment(subscriptionId)}/deliveries`;
    return this.#list(this.#anyRole(), operations.listTenantWebhookDeliveries, path, checked, deliveriesOf, options);
  }

  /**
   * Delivers the events of a window again. Sent once and never repeated by itself: a replay is not idempotent (Cycles
   * governance §replayEvents), and after a lost answer `listWebhookDeliveries` lists what was queued. Needs the
   * administrator's key.
   * @throws InvalidRequestError when the window holds more than `max_events`; CyclesError `REPLAY_IN_PROGRESS` (409).
   */
  async replayEvents(
    subscriptionId: string,
    request: EventReplayRequest,
    options?: CallOptions,
  ): Promise<EventReplayResponse> {
    const body = stringifyJson(parseWire(eventReplayRequest, request, "replay of events"));
    const path = `/v1/admin/webhooks/${segment(subscriptionId)}/replay`;
    return this.#connection("admin").write(operations.replayEvents, { path, body }, options);
  }

  /**
   * Budget ledgers as the governance plane shows them: the same method and path as the runtime plane's balances, with
   * other words in the query and other items. Needs the tenant's key. @throws ValidationError at once.
   */
  getBudgetLedgers(
    query: BudgetLedgerQuery = {},
    options?: CallOptions,
  ): Pages<BudgetLedger, BudgetLedgerListResponse> {
    const checked = parseWire(budgetLedgerQuery, query, "budget ledgers");
    const ledgersOf = (page: BudgetLedgerListResponse): readonly BudgetLedger[] => page.balances;
    return this.#list("tenant", operations.getBudgetLedgers, "/v1/balances", checked, ledgersOf, options);
  }

  /**
   * Quota counters as they stand (v0.1.26). Under an administrator's key `tenant_id` is required.
   * @param options.as whose key; the tenant's where there is one. @throws ValidationError at once.
   */
  listActionQuotaCounters(
    query: ActionQuotaCounterQuery = {},
    options: CallOptions & { readonly as?: Role | undefined } = {},
  ): Pages<ActionQuotaState, ActionQuotaCounterListResponse> {
    const { as: role = this.#anyRole(), ...call } = options;
    const checked = parseWire(actionQuotaCounterQuery, query, "list of quota counters");
    const countersOf = (page: ActionQuotaCounterListResponse): readonly ActionQuotaState[] => page.counters;
    const path = "/v1/admin/action-quota-counters";
    return this.#list(role, operations.listActionQuotaCounters, path, checked, countersOf, call);
  }

  /**
   * Begins one quota counter anew, which cannot be undone: for incidents (v0.1.26). Needs the administrator's key.
   * @throws NotFoundError unless exactly this counter stands.
   */
  async resetActionQuotaCounter(
    request: ActionQuotaCounterResetRequest,
    options?: CallOptions,
  ): Promise<ActionQuotaCounterResetResponse> {
    const body = stringifyJson(parseWire(actionQuotaCounterResetRequest, request, "reset of a quota counter"));
    const path = "/v1/admin/action-quota-counters/reset";
    return this.#connection("admin").write(operations.resetActionQuotaCounter, { path, body }, options);
  }

  #list<Item, PageType extends Page>(
    role: Role,
    operation: Operation<PageType>,
    path: string,
    query: object,
    itemsOf: (page: PageType) => readonly Item[],
    options: CallOptions | undefined,
  ): Pages<Item, PageType> {
    const connection = this.#connection(role);
    return new Pages((cursor) => connection.read(operation, withQuery(path, query, cursor), options), itemsOf);
  }

  #anyRole(): Role {
    return this.#connections.tenant === undefined ? "admin" : "tenant";
  }

  #connection(role: Role): CyclesConnection {
    const connection = this.#connections[role];
    if (connection !== undefined) return connection;
    throw new ConfigurationError(`This call needs the option ${keyOption[role]}; give it to the client.`);
  }
}

function eventsOf(page: EventListResponse): readonly EmittedEvent[] {
  return page.events;
}

function deliveriesOf(page: WebhookDeliveryListResponse): readonly WebhookDelivery[] {
  return page.deliveries;
}

/** An id as one segment of a path: it must not reach another. @throws ValidationError. */
function segment(id: string): string {
  if (/^(?!\.{1,2}$)[^\ud800-\udfff]{1,256}$/u.test(id)) return encodeURIComponent(id);
  throw new ValidationError("id", [
    { pointer: "", message: "must be an id that the server gave, 1 to 256 characters" },
  ]);
}
