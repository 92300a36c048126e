import { type Clock, ResponseFormatError, systemClock } from "@imprest/core";
import type { Balance, ReservationSummary } from "@imprest/core/models/cycles";
import {
  type CyclesClient,
  CyclesError,
  NotFoundError,
  type Page,
  type Pages,
  ReservationExpiredError,
} from "@imprest/cycles";
import type { CyclesGovernanceClient } from "@imprest/cycles/governance";
import { bounded, evidenceUrlsOf, moneyOf } from "./bounded.ts";
import { denialOfEvent } from "./denial-of-event.ts";
import { poll } from "./poll.ts";
import { ReservationWatch } from "./reservation-watch.ts";
import {
  type ConsoleSource,
  type NewActivity,
  type SourceListener,
  type SourceReservation,
  type SourceRow,
  budgetId,
  mostBudgets,
} from "./source.ts";

const everyMs = 1_000;
/** How long before the newest reservation that is known the list of one poll begins. */
const overlapMs = 300_000;
/** Rows of one poll; more than these come and go unseen. */
const mostReservations = 1_000;
/** Active reservations that are older than the list are asked for one by one, a few at a poll. */
const mostAskedFor = 10;
const mostDenials = 200;
/** A server that does not list events now may do so when it has been set up otherwise. */
const askAgainMs = 60_000;

export interface CyclesSourceOptions {
  readonly client: CyclesClient;
  /** Where events are listed, which is where denials are seen. */
  readonly governance: CyclesGovernanceClient;
  readonly tenant: string;
  readonly clock?: Clock | undefined;
}

/** A Cycles server's tenant plane, polled each second: balances, reservations, and denials where the server lists events. */
export class CyclesSource implements ConsoleSource {
  readonly authority: ConsoleSource["authority"];
  readonly live = "polled";
  readonly #options: CyclesSourceOptions;
  readonly #clock: Clock;
  readonly #watch: ReservationWatch;
  readonly #seenEvents = new Set<string>();
  #newestEvent: string | undefined;
  /** When events are asked for again; `undefined` while they are listed. */
  #askAtMs: number | undefined = 0;

  constructor(options: CyclesSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#watch = new ReservationWatch(options.tenant);
    this.authority = { kind: "cycles", target: options.client.connection.options.baseUrl };
  }

  get seesDenials(): boolean {
    return this.#askAtMs === undefined;
  }

  follow(listener: SourceListener): () => void {
    const read = async (signal: AbortSignal): Promise<void> => {
      const { rows, isCut } = await this.#balances(signal);
      listener.listed(rows, isCut);
      const news = [...(await this.#reservations(signal)), ...(await this.#denials(signal))];
      if (news.length > 0) listener.happened(news.toSorted((one, other) => one.atMs - other.atMs));
    };
    return poll({ clock: this.#clock, everyMs, read, polled: listener.polled });
  }

  async reservation(id: string, signal: AbortSignal): Promise<SourceReservation | undefined> {
    try {
      const row = await this.#options.client.getReservation(id, { signal });
      const { agent } = row.subject;
      return {
        status: bounded(row.status),
        tenant: this.#options.tenant,
        scope: bounded(row.scope_path),
        action: { kind: bounded(row.action.kind), name: bounded(row.action.name) },
        reserved: moneyOf(row.reserved),
        createdAtMs: row.created_at_ms,
        expiresAtMs: row.expires_at_ms,
        traceIds: [],
        evidence: evidenceUrlsOf(row.evidence),
        ...(agent !== undefined && { agent: bounded(agent) }),
        ...(row.committed !== undefined && { charged: moneyOf(row.committed) }),
        ...(row.finalized_at_ms !== undefined && { settledAtMs: row.finalized_at_ms }),
      };
    } catch (error) {
      if (ReservationExpiredError.isInstance(error)) return { status: "EXPIRED", traceIds: [], evidence: [] };
      if (NotFoundError.isInstance(error)) return undefined;
      throw error;
    }
  }

  async #balances(signal: AbortSignal): Promise<{ readonly rows: readonly SourceRow[]; readonly isCut: boolean }> {
    const { client, tenant } = this.#options;
    const query = { tenant, include_children: true, limit: 200 };
    const found = await firstOf(client.getBalances(query, { signal }), ({ balances }) => balances, mostBudgets);
    return { rows: found.items.map((balance) => rowOf(balance, tenant)), isCut: found.isCut };
  }

  async #reservations(signal: AbortSignal): Promise<readonly NewActivity[]> {
    const { client, tenant } = this.#options;
    const { newestMs } = this.#watch;
    const from = newestMs === undefined ? {} : { from: new Date(newestMs - overlapMs).toISOString() };
    const query = { tenant, ...from, sort_by: "created_at_ms", sort_dir: "desc", limit: 200 } as const;
    const pages = client.listReservations(query, { signal });
    const found = await firstOf(
      pages,
      ({ reservations }) => reservations,
      newestMs === undefined ? 200 : mostReservations,
    );
    const nowMs = this.#clock.now();
    const news = [...this.#watch.take(found.items, nowMs)];
    const listed = new Set(found.items.map((row) => row.reservation_id));
    for (const id of this.#watch.open.filter((one) => !listed.has(one)).slice(0, mostAskedFor)) {
      const row = await this.#one(id, signal);
      news.push(...(row === undefined ? this.#watch.lose(id, nowMs) : this.#watch.take([row], nowMs)));
    }
    return news;
  }

  async #one(id: string, signal: AbortSignal): Promise<ReservationSummary | undefined> {
    try {
      return await this.#options.client.getReservation(id, { signal });
    } catch (error) {
      if (NotFoundError.isInstance(error) || ReservationExpiredError.isInstance(error)) return undefined;
      throw error;
    }
  }

  async #denials(signal: AbortSignal): Promise<readonly NewActivity[]> {
    const nowMs = this.#clock.monotonic();
    if (this.#askAtMs !== undefined && nowMs < this.#askAtMs) return [];
    const from = this.#newestEvent === undefined ? {} : { from: this.#newestEvent };
    const query = { event_type: "reservation.denied", ...from, limit: 100 };
    try {
      const pages = this.#options.governance.listTenantEvents(query, { signal });
      const { items } = await firstOf(pages, ({ events }) => events, mostDenials);
      this.#askAtMs = undefined;
      const news = items.filter(({ event_id: id }) => !this.#seenEvents.has(id));
      for (const { event_id: id, timestamp } of news) {
        this.#seenEvents.add(id);
        if (this.#newestEvent === undefined || Date.parse(timestamp) > Date.parse(this.#newestEvent)) {
          this.#newestEvent = isInstant(timestamp) ? timestamp : this.#newestEvent;
        }
      }
      for (const id of this.#seenEvents) {
        if (this.#seenEvents.size <= 2 * mostDenials) break;
        this.#seenEvents.delete(id);
      }
      return news.flatMap((event) => denialOfEvent(event) ?? []);
    } catch (error) {
      if (!isUnlisted(error)) throw error;
      this.#askAtMs = nowMs + askAgainMs;
      return [];
    }
  }
}

/** The first items of a list, and whether there are more. */
async function firstOf<Item, PageType extends Page>(
  list: Pages<Item, PageType>,
  itemsOf: (page: PageType) => readonly Item[],
  most: number,
): Promise<{ readonly items: readonly Item[]; readonly isCut: boolean }> {
  const items: Item[] = [];
  for await (const page of list.pages()) {
    items.push(...itemsOf(page).slice(0, most + 1 - items.length));
    if (items.length > most) return { items: items.slice(0, most), isCut: true };
  }
  return { items, isCut: false };
}

/** A server without a governance plane refuses the path, or the method, or answers it with a page. */
function isUnlisted(error: unknown): boolean {
  if (ResponseFormatError.isInstance(error)) return true;
  const { status = 500 } = CyclesError.isInstance(error) ? error : {};
  return status < 500 && status !== 429;
}

function isInstant(text: string): boolean {
  return text.length <= 64 && !Number.isNaN(Date.parse(text));
}

/** What a balance does not say is zero; what is allocated then follows (Cycles §Balance, LEDGER INVARIANT). */
function rowOf(balance: Balance, tenant: string): SourceRow {
  const { scope_path: scope, remaining, is_over_limit: isOverLimit = false } = balance;
  const amountOf = (name: "spent" | "reserved" | "debt"): bigint => balance[name]?.amount ?? 0n;
  const [spent, reserved, debt] = [amountOf("spent"), amountOf("reserved"), amountOf("debt")];
  const allocated = balance.allocated?.amount ?? remaining.amount + spent + reserved + debt;
  const { overdraft_limit: overdraft } = balance;
  return {
    id: budgetId(tenant, scope, remaining.unit),
    tenant,
    scope: bounded(scope),
    unit: bounded(remaining.unit),
    allocated: String(allocated),
    spent: String(spent),
    reserved: String(reserved),
    debt: String(debt),
    remaining: String(remaining.amount),
    isOverLimit,
    ...(overdraft !== undefined && { overdraftLimit: String(overdraft.amount) }),
  };
}
