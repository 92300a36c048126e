import type { AuditEvent } from "@imprest/core/models/asp";
import type { Sums } from "./messages.ts";

/** Beyond it events are counted as unsummed. */
const mostBudgets = 2_000;

interface Books {
  readonly source: string;
  readonly budget: string;
  readonly unit: string;
  reserved: bigint;
  overage: bigint;
  afterExpiry: bigint;
  committed: bigint;
  returned: bigint;
  quarantined: bigint;
  held: bigint;
  refunded: bigint;
  decisions: number;
  denied: number;
  over?: Hold | undefined;
}

type Stage = "held" | "expired" | "over";

interface Hold {
  readonly books: Books;
  readonly reserved: bigint;
  stage: Stage;
}

/**
 * Adds up what authentic events say of money (ASP §3.1): what was reserved went to what was committed and to what was
 * given back, or is held. The amounts are those that the events claim, so that a feed which lies does not add up. Only a
 * reserve names its budget; what follows is found by its decision.
 */
export class Conservation {
  readonly #books = new Map<string, Books>();
  /** By group: what was reserved, and what became of it. */
  readonly #holds: (Hold | undefined)[] = [];
  unsummed = 0;

  /** @param group the number of the event's decision; 0 where there was no room for it. */
  add(event: AuditEvent, group: number): void {
    if (event.suffix === "reserve") return this.#reserve(event, group);
    if (event.suffix === "bypassed" || event.suffix === "replay_rejected") return;
    const hold = this.#holds[group];
    // The id of a decision is its source's own.
    if (hold?.books.source !== event.source) {
      this.unsummed += 1;
      return;
    }
    settle(hold, event);
    // What is over needs its books alone: all of a budget share the first one's entry.
    if (hold.stage === "over") this.#holds[group] = hold.books.over ??= hold;
  }

  /** Largest first. */
  get sums(): readonly Sums[] {
    const all = [...this.#books.values()].sort((a, b) =>
      a.reserved < b.reserved ? 1 : a.reserved > b.reserved ? -1 : 0,
    );
    return all.map(written);
  }

  #reserve(event: Extract<AuditEvent, { suffix: "reserve" }>, group: number): void {
    const { budget_id: budget, unit, amount_atomic_reserved: reserved, decision } = event.data;
    const books = this.#booksOf(event.source, budget, unit);
    if (books === undefined || (group === 0 && decision !== "DENY")) {
      this.unsummed += 1;
      return;
    }
    if (decision === "DENY") {
      books.denied += 1;
      return;
    }
    books.decisions += 1;
    books.reserved += reserved;
    books.held += reserved;
    this.#holds[group] = { books, reserved, stage: "held" };
  }

  #booksOf(source: string, budget: string, unit: string): Books | undefined {
    const key = JSON.stringify([source, budget, unit]);
    const known = this.#books.get(key);
    if (known !== undefined || this.#books.size >= mostBudgets) return known;
    const none = { reserved: 0n, overage: 0n, afterExpiry: 0n, committed: 0n, returned: 0n, quarantined: 0n };
    const books = { source, budget, unit, ...none, held: 0n, refunded: 0n, decisions: 0, denied: 0 };
    this.#books.set(key, books);
    return books;
  }
}

type Settling = Exclude<AuditEvent, { suffix: "reserve" | "bypassed" | "replay_rejected" }>;

function settle(hold: Hold, event: Settling): void {
  const { books, reserved } = hold;
  switch (event.suffix) {
    case "refund":
      books.refunded += event.data.amount_atomic_refunded;
      return;
    case "reconciliation_gap":
      return;
    case "commit":
    case "late_commit":
    case "overage_charged":
      return commit(hold, event);
    case "ttl_expired":
      if (hold.stage !== "held") return;
      books.returned += event.data.capacity_returned_atomic;
      break;
    case "release":
      if (hold.stage !== "held") return;
      books.returned += reserved;
      break;
    case "overage_rejected":
      if (hold.stage !== "held") return;
      books.quarantined += reserved;
      break;
  }
  books.held -= reserved;
  hold.stage = event.suffix === "ttl_expired" ? "expired" : "over";
}

/** One settlement may show as commit and, beside it, as late_commit or overage_charged: it counts once. */
function commit(
  hold: Hold,
  event: Extract<AuditEvent, { suffix: "commit" | "late_commit" | "overage_charged" }>,
): void {
  const { books, reserved, stage } = hold;
  if (stage === "over") return;
  const { amount_atomic_observed: observed } = event.data;
  books.committed += observed;
  if (stage === "expired") books.afterExpiry += observed;
  else {
    books.held -= reserved;
    const [returned, overage] = differenceOf(event);
    books.returned += returned;
    books.overage += overage;
  }
  hold.stage = "over";
}

/** What a settlement says it gave back, and what it says it charged beyond the reserve. */
function differenceOf(
  event: Extract<AuditEvent, { suffix: "commit" | "late_commit" | "overage_charged" }>,
): readonly [returned: bigint, overage: bigint] {
  if (event.suffix === "overage_charged") return [0n, event.data.overage_amount_atomic];
  if (event.suffix === "late_commit") return [0n, 0n];
  return [event.data.refund_amount_atomic ?? 0n, event.data.charge_amount_atomic ?? 0n];
}

function written({ source, budget, unit, decisions, denied, ...amounts }: Books): Sums {
  const { reserved, overage, afterExpiry, committed, returned, quarantined, held, refunded } = amounts;
  const difference = reserved + overage + afterExpiry - committed - returned - quarantined - held;
  return {
    source: source.slice(0, 300),
    budget: budget.slice(0, 300),
    unit: unit.slice(0, 60),
    decisions,
    denied,
    reserved: `${reserved}`,
    overage: `${overage}`,
    afterExpiry: `${afterExpiry}`,
    committed: `${committed}`,
    returned: `${returned}`,
    quarantined: `${quarantined}`,
    held: `${held}`,
    refunded: `${refunded}`,
    difference: `${difference}`,
  };
}
