import type { ReservationSummary } from "@imprest/core/models/cycles";
import type { ActivityKind } from "../../pages/console-wire.ts";
import { bounded, moneyOf } from "./bounded.ts";
import type { NewActivity } from "./source.ts";

/** Reservations that are remembered, so that a change of one is noticed. */
const mostKnown = 2_000;

const ends: Readonly<Record<string, ActivityKind>> = {
  COMMITTED: "committed",
  RELEASED: "released",
  EXPIRED: "expired",
};

/**
 * Makes activities of how a server's reservations differ from one poll to the next. What came and went between two polls
 * is seen as far as the rows still say it; times are the server's own, but for that of an extension, which no row has.
 */
export class ReservationWatch {
  readonly #tenant: string;
  readonly #known = new Map<string, ReservationSummary>();

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** The newest one that was seen. */
  get newestMs(): number | undefined {
    const times = [...this.#known.values()].map((row) => row.created_at_ms);
    return times.length === 0 ? undefined : times.reduce((one, other) => Math.max(one, other));
  }

  /** Those that were active when they were last seen, longest unseen first. */
  get open(): readonly string[] {
    const open = [...this.#known.values()].filter(({ status }) => status === "ACTIVE");
    return open.map((row) => row.reservation_id);
  }

  take(rows: readonly ReservationSummary[], nowMs: number): readonly NewActivity[] {
    const news = rows.flatMap((row) => this.#differences(row, nowMs));
    for (const row of rows) {
      this.#known.delete(row.reservation_id);
      this.#known.set(row.reservation_id, row);
    }
    for (const [id] of this.#known) {
      if (this.#known.size <= mostKnown) break;
      this.#known.delete(id);
    }
    return news;
  }

  /** The server does not say any more what became of it: it refuses expired ones. */
  lose(id: string, nowMs: number): readonly NewActivity[] {
    const known = this.#known.get(id);
    this.#known.delete(id);
    if (known === undefined || known.expires_at_ms > nowMs) return [];
    return [this.#activity(known, "expired", known.expires_at_ms)];
  }

  #differences(row: ReservationSummary, nowMs: number): NewActivity[] {
    const known = this.#known.get(row.reservation_id);
    const news = known === undefined ? [this.#activity(row, "reserved", row.created_at_ms)] : [];
    const end = Object.hasOwn(ends, row.status) ? ends[row.status] : undefined;
    if (known?.status === row.status || end === undefined) {
      const isExtended = known !== undefined && end === undefined && row.expires_at_ms > known.expires_at_ms;
      return isExtended ? [this.#activity(row, "extended", nowMs)] : news;
    }
    return [...news, this.#activity(row, end, row.finalized_at_ms ?? row.expires_at_ms)];
  }

  #activity(row: ReservationSummary, kind: ActivityKind, atMs: number): NewActivity {
    const { subject, action, committed } = row;
    const { agent } = subject;
    return {
      kind,
      atMs,
      tenant: this.#tenant,
      scope: bounded(row.scope_path),
      action: { kind: bounded(action.kind), name: bounded(action.name) },
      reservationId: bounded(row.reservation_id),
      reserved: moneyOf(row.reserved),
      expiresAtMs: row.expires_at_ms,
      ...(agent !== undefined && { agent: bounded(agent) }),
      ...(kind === "committed" && committed !== undefined && { charged: moneyOf(committed) }),
    };
  }
}
