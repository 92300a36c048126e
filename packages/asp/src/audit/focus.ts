import { formatDecimal } from "@imprest/core/internal";
import { type AuditEvent, parseTimestamp } from "@imprest/core/models/asp";

/** The columns of FOCUS 1.0, in its order. */
export const focusColumns = [
  "AvailabilityZone",
  "BilledCost",
  "BillingAccountId",
  "BillingAccountName",
  "BillingCurrency",
  "BillingPeriodEnd",
  "BillingPeriodStart",
  "ChargeCategory",
  "ChargeClass",
  "ChargeDescription",
  "ChargeFrequency",
  "ChargePeriodEnd",
  "ChargePeriodStart",
  "CommitmentDiscountCategory",
  "CommitmentDiscountId",
  "CommitmentDiscountName",
  "CommitmentDiscountStatus",
  "CommitmentDiscountType",
  "ConsumedQuantity",
  "ConsumedUnit",
  "ContractedCost",
  "ContractedUnitPrice",
  "EffectiveCost",
  "InvoiceIssuerName",
  "ListCost",
  "ListUnitPrice",
  "PricingCategory",
  "PricingQuantity",
  "PricingUnit",
  "ProviderName",
  "PublisherName",
  "RegionId",
  "RegionName",
  "ResourceId",
  "ResourceName",
  "ResourceType",
  "ServiceCategory",
  "ServiceName",
  "SkuId",
  "SkuPriceId",
  "SubAccountId",
  "SubAccountName",
  "Tags",
] as const;

/** One row; a column without a value is `null`. Costs and quantities are exact decimals, as text. */
export type FocusRow = { readonly [Column in (typeof focusColumns)[number]]: string | null };

/** Who is billed and by whom: FOCUS 1.0 requires both of every row. */
export interface FocusOptions {
  /** What one of a unit is worth: `{ USD_MICROCENTS: { currency: "USD", scale: 8 } }` is known, others are not money. */
  readonly money?: Readonly<Record<string, { readonly currency: string; readonly scale: number }>> | undefined;
  /** Of rows whose unit is no money: their cost is 0 in this currency; USD when absent. */
  readonly currency?: string | undefined;
  readonly billingAccountId: string;
  readonly providerName: string;
  /** `providerName` when absent. */
  readonly invoiceIssuerName?: string | undefined;
  readonly serviceName?: string | undefined;
}

/** Makes FOCUS rows of verified events. Feed a reserve before what settles it; memory holds open reservations only. */
export interface FocusExporter {
  /** A row for a commit, a late commit, charged overage or a refund; `undefined` for every other event. */
  add(event: AuditEvent): FocusRow | undefined;
}

interface Reserved {
  readonly unit: string;
  readonly budgetId: string;
  readonly startMs: number;
  readonly model: string | null;
  settled: boolean;
}

/** Settled and expired reservations that are kept for a late commit or a refund. */
const recentlyEnded = 1_000;

const knownMoney = { USD_MICROCENTS: { currency: "USD", scale: 8 } };

/** ASP to FOCUS 1.0, one way (ASP §6): the draft asks for it and gives no table; `docs/asp.md` has ours. */
export function createFocusExporter(options: FocusOptions): FocusExporter {
  const money = new Map(Object.entries({ ...knownMoney, ...options.money }));
  const open = new Map<string, Reserved>();
  /** The oldest first. */
  const ended = new Map<string, Reserved>();
  const end = (key: string, reserved: Reserved): void => {
    open.delete(key);
    ended.delete(key);
    ended.set(key, reserved);
    const [oldest] = ended.keys();
    if (ended.size > recentlyEnded && oldest !== undefined) ended.delete(oldest);
  };
  return {
    add(event) {
      const key = `${event.source} ${event.data.decision_id}`;
      if (event.suffix === "reserve") {
        if (event.data.decision !== "DENY") open.set(key, readReserve(event));
        return undefined;
      }
      const basis = open.get(key) ?? ended.get(key);
      const amount = chargedBy(event, basis);
      if (basis !== undefined) {
        if (amount !== undefined && event.suffix !== "refund") basis.settled = true;
        end(key, basis);
      }
      return amount === undefined ? undefined : rowOf(event, basis, amount, money, options);
    },
  };
}

function readReserve({ data }: Extract<AuditEvent, { suffix: "reserve" }>): Reserved {
  const model = data.runtime_metadata?.["model"];
  return {
    unit: data.unit,
    budgetId: data.budget_id,
    startMs: parseTimestamp(data.event_time) ?? 0,
    model: typeof model === "string" ? model : null,
    settled: false,
  };
}

/** One settlement is one row, whichever of its events comes first (ASP leaves open whether there are two). */
function chargedBy(event: AuditEvent, basis: Reserved | undefined): bigint | undefined {
  switch (event.suffix) {
    case "commit":
    case "late_commit":
    case "overage_charged":
      return basis?.settled === true ? undefined : event.data.amount_atomic_observed;
    case "refund":
      return -event.data.amount_atomic_refunded;
    default:
      return undefined;
  }
}

function rowOf(
  event: AuditEvent,
  basis: Reserved | undefined,
  amount: bigint,
  money: ReadonlyMap<string, { readonly currency: string; readonly scale: number }>,
  options: FocusOptions,
): FocusRow {
  const unit = basis?.unit ?? null;
  const worth = unit === null ? undefined : money.get(unit);
  const cost = worth === undefined ? "0" : formatDecimal(amount, worth.scale);
  const endMs = parseTimestamp(event.data.event_time) ?? 0;
  const end = new Date(endMs);
  const reservationId = "reservation_id" in event.data ? (event.data.reservation_id ?? null) : null;
  const tags = {
    budget_id: basis?.budgetId,
    reservation_id: reservationId,
    decision_id: event.data.decision_id,
    audit_event_id: event.id,
  };
  const { providerName, invoiceIssuerName = providerName, serviceName = "Language model calls" } = options;
  const empty = Object.fromEntries(focusColumns.map((column) => [column, null])) as FocusRow;
  return {
    ...empty,
    BilledCost: cost,
    ContractedCost: cost,
    EffectiveCost: cost,
    ListCost: cost,
    BillingAccountId: options.billingAccountId,
    BillingCurrency: worth?.currency ?? options.currency ?? "USD",
    BillingPeriodStart: monthStart(end, 0),
    BillingPeriodEnd: monthStart(end, 1),
    ChargeCategory: amount < 0n ? "Credit" : "Usage",
    ChargeDescription: `ASP ${event.suffix}`,
    ChargeFrequency: "Usage-Based",
    ChargePeriodStart: new Date(basis?.startMs ?? endMs).toISOString(),
    // FOCUS periods exclude their end, so one of no length would be none.
    ChargePeriodEnd: new Date(Math.max(endMs, (basis?.startMs ?? endMs) + 1)).toISOString(),
    ConsumedQuantity: amount.toString(),
    ConsumedUnit: unit,
    PricingQuantity: amount.toString(),
    PricingUnit: unit,
    ProviderName: providerName,
    PublisherName: providerName,
    InvoiceIssuerName: invoiceIssuerName,
    ServiceCategory: "AI and Machine Learning",
    ServiceName: serviceName,
    SkuId: basis?.model ?? null,
    SubAccountId: basis?.budgetId ?? null,
    Tags: JSON.stringify(tags),
  };
}

function monthStart(date: Date, months: number): string {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1)).toISOString();
}

/** A row as CSV (RFC 4180), without a line end; `null` is an empty field. */
export function focusCsvLine(row: FocusRow): string {
  return focusColumns.map((column) => csvField(row[column])).join(",");
}

/** The header line of the CSV form. */
export function focusCsvHeader(): string {
  return focusColumns.join(",");
}

/** A row as one line of JSON. */
export function focusJsonLine(row: FocusRow): string {
  return JSON.stringify(row);
}

function csvField(value: string | null): string {
  if (value === null) return "";
  // A field that a spreadsheet would run as a formula is made text; numbers keep their sign.
  const safe = /^[=+@\t\r]|^-(?![\d.]+$)/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
