import { ConfigurationError, refuseUnknownOptions, wholeOption } from "@imprest/core/internal/verify";
import type { AuditEvent } from "@imprest/core/models/asp";
import type { FocusRow } from "./columns.ts";
import { type DecisionBook, DecisionBooks, atOf } from "./decision-books.ts";
import { type FindRate, type FocusMoney, type FocusPrice, type FocusPriced, rateFinder } from "./rate.ts";
import { type Charge, type FocusParties, refundRow, usageRow } from "./row.ts";

/** Who is billed and by whom, and what units are worth. */
export interface FocusOptions extends FocusParties {
  /** Units that are money. `USD_MICROCENTS` is known; the draft's own needs its scale: `{ usd_atomic: { currency: "USD", scale: 6 } }`. */
  readonly money?: FocusMoney | undefined;
  /** What one of any other unit costs. A unit without a price has no row: it is omitted, and reported. */
  readonly priceOf?: ((priced: FocusPriced) => FocusPrice | undefined) | undefined;
  /**
   * How many decisions are remembered, so that what is delivered again is not billed again and what comes early waits for
   * its reserve; 100000 when absent, about 60 MB.
   */
  readonly memory?: number | undefined;
}

/** Money that has no row, and why. */
export interface FocusOmission {
  readonly code:
    | "no_reserve"
    | "no_settlement"
    | "no_price"
    | "conflicting_settlement"
    | "refund_beyond_settlement"
    | "beyond_memory";
  readonly message: string;
  readonly source: string;
  readonly decisionId: string;
  readonly eventId: string;
  /** In the unit of the reserve; below 0 for a refund. */
  readonly amount: bigint;
}

/** What one event comes to. */
export interface FocusResult {
  /** None for most events; several for a reserve that came after its settlement and its refunds. */
  readonly rows: readonly FocusRow[];
  readonly omissions: readonly FocusOmission[];
}

/** Makes FOCUS rows of verified events, in whatever order and however often they are delivered. */
export interface FocusExporter {
  /** Takes the next event. @throws ConfigurationError for a price that `priceOf` gave and that is none. */
  add(event: AuditEvent): FocusResult;
  /** What still waits when no more events come. */
  finish(): readonly FocusOmission[];
}

const known: ReadonlySet<string> = new Set<keyof FocusOptions>([
  "billingAccountId",
  "billingAccountName",
  "providerName",
  "publisherName",
  "invoiceIssuerName",
  "serviceName",
  "money",
  "priceOf",
  "memory",
]);

/**
 * ASP to FOCUS 1.0, one way (ASP §6): the draft asks for it and gives no table; `docs/asp.md` has ours. A settlement is one
 * row, whichever of its events comes first and how often; a refund is one row; what cannot be priced has none and is
 * reported.
 * @throws ConfigurationError naming the option that cannot be used.
 * @example
 * const exporter = createFocusExporter({ billingAccountId: "acme", providerName: "Acme AI", money: { usd_atomic: { currency: "USD", scale: 6 } } });
 * for (const event of events) for (const row of exporter.add(event).rows) write(focusCsvLine(row));
 */
export function createFocusExporter(options: FocusOptions): FocusExporter {
  refuseUnknownOptions(options, known);
  const { money, priceOf, memory, ...parties } = options;
  for (const [name, value] of Object.entries(parties)) {
    const isNamed = typeof value === "string" && value.trim() !== "";
    if (value !== undefined && !isNamed) throw new ConfigurationError(`${name} must be a name.`);
  }
  if (parties.billingAccountId === undefined || parties.providerName === undefined) {
    throw new ConfigurationError("FOCUS requires billingAccountId and providerName of every row.");
  }
  return new EventExporter(parties, rateFinder(money, priceOf), wholeOption("memory", memory, 100_000, 2 ** 24));
}

class EventExporter implements FocusExporter {
  readonly #parties: FocusParties;
  readonly #rateOf: FindRate;
  readonly #books: DecisionBooks;

  constructor(parties: FocusParties, rateOf: FindRate, memory: number) {
    this.#parties = parties;
    this.#rateOf = rateOf;
    this.#books = new DecisionBooks(memory);
  }

  add(event: AuditEvent): FocusResult {
    const result: Result = { rows: [], omissions: [] };
    switch (event.suffix) {
      case "reserve":
        this.#open(event, result);
        break;
      case "commit":
      case "late_commit":
      case "overage_charged":
        this.#settle(event, chargeOf(event, event.data.amount_atomic_observed), result);
        break;
      case "refund":
        this.#refund(event, chargeOf(event, event.data.amount_atomic_refunded), result);
        break;
      case "release":
      case "overage_rejected":
      case "reconciliation_gap":
        this.#books.dropUncharged(event);
        break;
      default:
    }
    for (const book of this.#books.trim()) result.omissions.push(...omissionsOf(book));
    return result;
  }

  finish(): readonly FocusOmission[] {
    return this.#books.waiting().flatMap(omissionsOf);
  }

  #open(event: Extract<AuditEvent, { suffix: "reserve" }>, result: Result): void {
    const { decision, unit, budget_id: budgetId, runtime_metadata: metadata } = event.data;
    if (decision === "DENY") return;
    const found = this.#books.of(event);
    if (found === "forgotten" || found.book.opening !== undefined) return;
    const model = metadata?.["model"];
    const named = typeof model === "string" && model.trim() !== "" ? model : null;
    found.book.opening = { unit, budgetId, model: named, startMs: atOf(event) };
    this.#write(found.book, result);
  }

  #settle(event: AuditEvent, charge: Charge, { rows, omissions }: Result): void {
    const found = this.#books.of(event);
    if (found === "forgotten") return void omissions.push(omission("beyond_memory", event.source, charge));
    const { book } = found;
    if (book.settlement === undefined) {
      book.settlement = charge;
      this.#write(book, { rows, omissions });
    } else if (book.settlement.amount !== charge.amount) {
      omissions.push(omission("conflicting_settlement", event.source, charge));
    }
  }

  #refund(event: AuditEvent, charge: Charge, result: Result): void {
    const found = this.#books.of(event);
    if (found === "forgotten") return void result.omissions.push(omission("beyond_memory", event.source, charge));
    const { book } = found;
    if (book.refundIds.has(charge.eventId)) return;
    book.refundIds.add(charge.eventId);
    book.waitingRefunds.push(charge);
    this.#write(book, result);
  }

  /** Writes what no longer waits: the settlement first. */
  #write(book: DecisionBook, { rows, omissions }: Result): void {
    const { source, opening, settlement, waitingRefunds } = book;
    if (opening === undefined || settlement === undefined) return;
    // A refund is priced as what it gives back was.
    const rate = this.#rateOf({ unit: opening.unit, model: opening.model, atMs: settlement.atMs });
    if (!book.isSettled) {
      book.isSettled = true;
      if (rate === undefined) omissions.push(omission("no_price", source, settlement, opening.unit));
      else rows.push(usageRow(settlement, opening, rate, this.#parties));
    }
    for (const refund of waitingRefunds.splice(0)) {
      const isCovered = book.refunded + refund.amount <= settlement.amount;
      if (!isCovered) omissions.push(omission("refund_beyond_settlement", source, refund));
      else if (rate === undefined) omissions.push(omission("no_price", source, refund, opening.unit));
      else rows.push(refundRow(refund, settlement, opening, rate, this.#parties));
      if (isCovered) book.refunded += refund.amount;
    }
  }
}

interface Result {
  readonly rows: FocusRow[];
  readonly omissions: FocusOmission[];
}

type Charged = Extract<AuditEvent, { suffix: "commit" | "late_commit" | "overage_charged" | "refund" }>;

function chargeOf(event: Charged, amount: bigint): Charge {
  const { decision_id: decisionId, reservation_id: reservationId } = event.data;
  const isRefund = event.suffix === "refund";
  return { eventId: event.id, decisionId, reservationId, amount, atMs: atOf(event), isRefund };
}

const reasons: Readonly<Record<FocusOmission["code"], string>> = {
  no_reserve: "The reserve that gives its unit is not among the events.",
  no_settlement: "The settlement that it refunds is not among the events.",
  no_price: "Its unit is no money, and has no price",
  conflicting_settlement: "Another settlement of the same reservation has its row, with another amount.",
  refund_beyond_settlement: "More is refunded than was settled.",
  beyond_memory: "It is older than what is remembered, so that it cannot be known from what was billed already.",
};

function omission(code: FocusOmission["code"], source: string, charge: Charge, unit?: string): FocusOmission {
  const { decisionId, eventId, amount, isRefund } = charge;
  const message = unit === undefined ? reasons[code] : `${reasons[code]}: ${unit}.`;
  return { code, message, source, decisionId, eventId, amount: isRefund ? -amount : amount };
}

/** Of a book that will not be completed. */
function omissionsOf({ source, settlement, isSettled, waitingRefunds }: DecisionBook): FocusOmission[] {
  const code = settlement === undefined ? "no_settlement" : "no_reserve";
  const unsettled = settlement === undefined || isSettled ? [] : [omission("no_reserve", source, settlement)];
  return [...unsettled, ...waitingRefunds.map((refund) => omission(code, source, refund))];
}
