import { type FocusRow, focusColumns } from "./columns.ts";
import type { Rate } from "./rate.ts";

/** Who is billed, by whom, and for what: the same in every row. */
export interface FocusParties {
  readonly billingAccountId: string;
  /** Its display name, where it has one. */
  readonly billingAccountName?: string | undefined;
  readonly providerName: string;
  /** Who makes what is sold; `providerName` when absent. */
  readonly publisherName?: string | undefined;
  /** `providerName` when absent. */
  readonly invoiceIssuerName?: string | undefined;
  /** `Language model calls` when absent. */
  readonly serviceName?: string | undefined;
}

/** What a reservation was opened for. */
export interface Opening {
  readonly unit: string;
  readonly budgetId: string;
  readonly model: string | null;
  readonly startMs: number;
}

/** What moved money: a settlement, or a refund of one. */
export interface Charge {
  readonly eventId: string;
  readonly decisionId: string;
  readonly reservationId: string;
  /** Not negative, also of a refund. */
  readonly amount: bigint;
  readonly atMs: number;
  readonly isRefund: boolean;
}

/** The row of a settlement. */
export function usageRow(charge: Charge, opening: Opening, rate: Rate, parties: FocusParties): FocusRow {
  const cost = rate.costOf(charge.amount);
  const quantity = rate.quantityOf(charge.amount);
  return {
    ...commonColumns(charge, opening, rate, parties),
    ...costs(cost),
    ...priced(quantity, rate),
    ...period(opening.startMs, charge.atMs),
    ChargeCategory: "Usage",
    ChargeDescription: `${skuOf(opening)}: ${quantity} ${rate.unitName} at ${rate.unitPrice} ${rate.currency}`,
    ChargeFrequency: "Usage-Based",
  };
}

/**
 * The row of a refund. Within the billing period of its settlement it is a credit, which has no quantity. A settlement of
 * an earlier period has been invoiced: its refund corrects that usage, and only a correction may count downwards.
 */
export function refundRow(
  charge: Charge,
  settled: Charge,
  opening: Opening,
  rate: Rate,
  parties: FocusParties,
): FocusRow {
  const isCorrection = monthOf(charge.atMs, 0) !== monthOf(settled.atMs, 0);
  const row = {
    ...commonColumns(charge, opening, rate, parties),
    ...costs(rate.costOf(-charge.amount)),
    ChargeDescription: `${skuOf(opening)}: refund of reservation ${charge.reservationId}`,
    ChargeFrequency: "One-Time",
  };
  if (!isCorrection) return { ...row, ...period(charge.atMs, charge.atMs), ChargeCategory: "Credit" };
  return {
    ...row,
    ...priced(rate.quantityOf(-charge.amount), rate),
    ...period(opening.startMs, settled.atMs),
    ChargeCategory: "Usage",
    ChargeClass: "Correction",
  };
}

const emptyRow = Object.fromEntries(focusColumns.map((column) => [column, null])) as FocusRow;

function commonColumns(charge: Charge, opening: Opening, rate: Rate, parties: FocusParties): FocusRow {
  const { providerName, publisherName = providerName, invoiceIssuerName = providerName } = parties;
  // The authority gives these tags, so they carry its prefix (FOCUS "Tags": provider-defined).
  const tags = {
    "asp/budget_id": opening.budgetId,
    "asp/reservation_id": charge.reservationId,
    "asp/decision_id": charge.decisionId,
    "asp/audit_event_id": charge.eventId,
  };
  return {
    ...emptyRow,
    BillingAccountId: parties.billingAccountId,
    BillingAccountName: parties.billingAccountName ?? null,
    BillingCurrency: rate.currency,
    BillingPeriodStart: monthOf(charge.atMs, 0),
    BillingPeriodEnd: monthOf(charge.atMs, 1),
    ProviderName: providerName,
    PublisherName: publisherName,
    InvoiceIssuerName: invoiceIssuerName,
    ServiceCategory: "AI and Machine Learning",
    ServiceName: parties.serviceName ?? "Language model calls",
    SkuId: skuOf(opening),
    SkuPriceId: rate.skuPriceId,
    SubAccountId: opening.budgetId,
    Tags: JSON.stringify(tags),
  };
}

/** Nothing is discounted or paid ahead, so that the four are one. */
function costs(cost: string): Pick<FocusRow, "BilledCost" | "ContractedCost" | "EffectiveCost" | "ListCost"> {
  return { BilledCost: cost, ContractedCost: cost, EffectiveCost: cost, ListCost: cost };
}

function priced(quantity: string, { unitName, unitPrice }: Rate): Partial<FocusRow> {
  return {
    ConsumedQuantity: quantity,
    ConsumedUnit: unitName,
    PricingCategory: "Standard",
    PricingQuantity: quantity,
    PricingUnit: unitName,
    ListUnitPrice: unitPrice,
    ContractedUnitPrice: unitPrice,
  };
}

/** A model that is named is what was sold; else it is the unit itself. */
function skuOf({ model, unit }: Opening): string {
  return model ?? unit;
}

const secondMs = 1_000;

/** Whole seconds, the end excluded (FOCUS Date/Time Format): from that of the first instant to beyond that of the last. */
function period(fromMs: number, toMs: number): Pick<FocusRow, "ChargePeriodStart" | "ChargePeriodEnd"> {
  const start = Math.floor(Math.min(fromMs, toMs) / secondMs) * secondMs;
  const end = (Math.floor(toMs / secondMs) + 1) * secondMs;
  return { ChargePeriodStart: dateTime(start), ChargePeriodEnd: dateTime(end) };
}

/** The start of the UTC month of an instant, or of the month that many later. */
function monthOf(atMs: number, later: number): string {
  const date = new Date(atMs);
  return dateTime(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later, 1));
}

function dateTime(atMs: number): string {
  return new Date(atMs).toISOString().replace(".000Z", "Z");
}
