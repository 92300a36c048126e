import type { AuditEvent } from "@imprest/core/models/asp";
import { parseTimestamp } from "@imprest/core/models/asp";
import type { Charge, Opening } from "./row.ts";

/** What is known of the money of one decision, in whatever order its events came. */
export interface DecisionBook {
  readonly source: string;
  opening?: Opening | undefined;
  settlement?: Charge | undefined;
  /** Whether the settlement has had its row, or its omission. */
  isSettled: boolean;
  /** Refunds that wait for the settlement, and the ids of all. */
  readonly waitingRefunds: Charge[];
  readonly refundIds: Set<string>;
  refunded: bigint;
}

/** Where a decision stands among the books. */
export type Found = { readonly book: DecisionBook } | "forgotten";

/**
 * The books of the decisions seen last. The oldest are forgotten, and from then on nothing that old is taken for new: a
 * reserve that is replayed after it was forgotten makes no second row.
 */
export class DecisionBooks {
  readonly #most: number;
  /** The oldest first. */
  readonly #books = new Map<string, DecisionBook>();
  /** By source: the latest start of a decision that was forgotten. */
  readonly #forgottenUntilMs = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** The book of the decision that an event is about; a new one where there is none. */
  of(event: AuditEvent): Found {
    const key = keyOf(event);
    const known = this.#books.get(key);
    if (known !== undefined) return { book: known };
    if (atOf(event) <= (this.#forgottenUntilMs.get(event.source) ?? -Infinity)) return "forgotten";
    const { source } = event;
    const book = { source, isSettled: false, waitingRefunds: [], refundIds: new Set<string>(), refunded: 0n };
    this.#books.set(key, book);
    return { book };
  }

  /** Drops a decision that was ended without a charge: nothing of it is left to compare. */
  dropUncharged(event: AuditEvent): void {
    const key = keyOf(event);
    const book = this.#books.get(key);
    if (book?.settlement === undefined && book?.refundIds.size === 0) this.#books.delete(key);
  }

  /** Forgets what is more than fits. @returns the books that were still waiting. */
  trim(): DecisionBook[] {
    const waiting: DecisionBook[] = [];
    for (const [key, book] of this.#books) {
      if (this.#books.size <= this.#most) break;
      this.#books.delete(key);
      if (isWaiting(book)) waiting.push(book);
      const { source, opening } = book;
      const startMs = opening?.startMs ?? -Infinity;
      if (startMs > (this.#forgottenUntilMs.get(source) ?? -Infinity)) this.#forgottenUntilMs.set(source, startMs);
    }
    return waiting;
  }

  /** Those that still wait for an event. */
  waiting(): DecisionBook[] {
    return Array.from(this.#books.values()).filter(isWaiting);
  }
}

function isWaiting({ settlement, isSettled, waitingRefunds }: DecisionBook): boolean {
  return (settlement !== undefined && !isSettled) || waitingRefunds.length > 0;
}

/** A UUID is the same in either case. */
function keyOf({ source, data }: AuditEvent): string {
  return `${source} ${data.decision_id.toLowerCase()}`;
}

/** When it happened, by the authority's word. */
export function atOf({ data }: AuditEvent): number {
  return parseTimestamp(data.event_time) ?? 0;
}
