import { type FocusColumn, type FocusRow, focusColumns } from "../../../src/audit/index.ts";

// What FOCUS 1.0 demands of a row, column by column, written down from its text and apart from what writes the rows.

/** A rule of one column. */
export interface ColumnRule {
  readonly column: FocusColumn;
  readonly rule: string;
  readonly holds: (value: string | null, row: FocusRow) => boolean;
}

const isUsage = (row: FocusRow): boolean => row.ChargeCategory === "Usage" || row.ChargeCategory === "Purchase";
const isCorrection = (row: FocusRow): boolean => row.ChargeClass === "Correction";
const isNumeric = (value: string): boolean => /^-?\d+(?:\.\d+)?(?:E-?\d+)?$/.test(value);
/** An exact decimal as a whole number of 10^-40. */
export const exact = (text: string | null): bigint => {
  const [, sign = "", whole = "0", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text ?? "") ?? [];
  return BigInt(`${sign}${whole}${fraction.padEnd(40, "0")}`);
};
const product = (left: string | null, right: string | null): bigint => exact(left) * exact(right);
const one = exact("1");

const notNull = (columns: readonly FocusColumn[]): ColumnRule[] =>
  columns.map((column) => ({
    column,
    rule: "MUST NOT be null",
    holds: (value) => value !== null && value.trim() !== "",
  }));

const notNullOfUsage = (columns: readonly FocusColumn[]): ColumnRule[] =>
  columns.flatMap((column) => [
    {
      column,
      rule: "MUST NOT be null when ChargeClass is not Correction and ChargeCategory is Usage or Purchase",
      holds: (value, row) => isCorrection(row) || !isUsage(row) || value !== null,
    },
    {
      column,
      rule: "MUST be null when ChargeCategory is Tax",
      holds: (value, row) => row.ChargeCategory !== "Tax" || value === null,
    },
  ]);

const oneOf = (column: FocusColumn, values: readonly string[]): ColumnRule => ({
  column,
  rule: `MUST be one of ${values.join(", ")}`,
  holds: (value) => value === null || values.includes(value),
});

const numeric = (columns: readonly FocusColumn[]): ColumnRule[] =>
  columns.map((column) => ({
    column,
    rule: "MUST conform to Numeric Format: digits, one point, no sign but a minus",
    holds: (value) => value === null || isNumeric(value),
  }));

const dateTime = (columns: readonly FocusColumn[]): ColumnRule[] =>
  columns.map((column) => ({
    column,
    rule: "MUST be YYYY-MM-DDTHH:mm:ssZ, in UTC",
    holds: (value) => value === null || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value),
  }));

const costOf = (price: FocusColumn, cost: FocusColumn): ColumnRule[] => [
  {
    column: price,
    rule: `multiplied by PricingQuantity MUST be ${cost}, except in a correction`,
    holds: (value, row) =>
      value === null || isCorrection(row) || product(value, row.PricingQuantity) === exact(row[cost]) * one,
  },
  { column: price, rule: "MUST NOT be negative", holds: (value) => value === null || exact(value) >= 0n },
  {
    column: cost,
    rule: `MUST be BilledCost where ${price} is null and the charge rests on no other`,
    holds: (value, row) => row[price] !== null || value === row.BilledCost,
  },
];

const nullWithout = (column: FocusColumn, other: FocusColumn): ColumnRule => ({
  column,
  rule: `MUST be null when ${other} is null`,
  holds: (value, row) => row[other] !== null || value === null,
});

const consumed = (column: FocusColumn): ColumnRule[] => [
  {
    column,
    rule: "MUST NOT be null when ChargeCategory is Usage and ChargeClass is not Correction",
    holds: (value, row) => row.ChargeCategory !== "Usage" || isCorrection(row) || value !== null,
  },
  {
    column,
    rule: "MUST be null for other categories than Usage",
    holds: (value, row) => row.ChargeCategory === "Usage" || value === null,
  },
];

const negativeInCorrections = (column: FocusColumn): ColumnRule => ({
  column,
  rule: "MAY be negative where ChargeClass is Correction, and else not",
  holds: (value, row) => value === null || isCorrection(row) || exact(value) >= 0n,
});

const before = (start: FocusColumn, end: FocusColumn): ColumnRule => ({
  column: end,
  rule: `is excluded, so that it MUST be later than ${start}`,
  holds: (value, row) => (row[start] ?? "") < (value ?? ""),
});

export const columnRules: readonly ColumnRule[] = [
  ...notNull([
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargeFrequency",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
  ]),
  { column: "ChargeDescription", rule: "SHOULD NOT be null", holds: (value) => value !== null },
  ...notNullOfUsage([
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ListUnitPrice",
    "ContractedUnitPrice",
    "SkuId",
    "SkuPriceId",
  ]),
  ...consumed("ConsumedQuantity"),
  ...consumed("ConsumedUnit"),
  negativeInCorrections("ConsumedQuantity"),
  negativeInCorrections("PricingQuantity"),
  ...numeric([
    "BilledCost",
    "ConsumedQuantity",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "PricingQuantity",
  ]),
  ...dateTime(["BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"]),
  before("BillingPeriodStart", "BillingPeriodEnd"),
  before("ChargePeriodStart", "ChargePeriodEnd"),
  ...costOf("ListUnitPrice", "ListCost"),
  ...costOf("ContractedUnitPrice", "ContractedCost"),
  {
    column: "EffectiveCost",
    rule: "MUST be BilledCost where the charge rests on no other and is neither Usage nor Purchase",
    holds: (value, row) => isUsage(row) || value === row.BilledCost,
  },
  {
    column: "BillingCurrency",
    rule: "MUST be a code of three letters (ISO 4217)",
    holds: (value) => /^[A-Z]{3}$/.test(value ?? ""),
  },
  oneOf("ChargeCategory", ["Usage", "Purchase", "Tax", "Credit", "Adjustment"]),
  oneOf("ChargeClass", ["Correction"]),
  oneOf("ChargeFrequency", ["One-Time", "Recurring", "Usage-Based"]),
  oneOf("PricingCategory", ["Standard", "Dynamic", "Committed", "Other"]),
  oneOf("CommitmentDiscountCategory", ["Spend", "Usage"]),
  oneOf("CommitmentDiscountStatus", ["Used", "Unused"]),
  oneOf("ServiceCategory", ["AI and Machine Learning"]),
  {
    column: "ChargeFrequency",
    rule: "MUST NOT be Usage-Based when ChargeCategory is Purchase",
    holds: (value, row) => row.ChargeCategory !== "Purchase" || value !== "Usage-Based",
  },
  {
    column: "PricingCategory",
    rule: "MUST be Committed when CommitmentDiscountId is not null",
    holds: (value, row) => row.CommitmentDiscountId === null || value === "Committed",
  },
  nullWithout("CommitmentDiscountCategory", "CommitmentDiscountId"),
  nullWithout("CommitmentDiscountName", "CommitmentDiscountId"),
  nullWithout("CommitmentDiscountStatus", "CommitmentDiscountId"),
  nullWithout("CommitmentDiscountType", "CommitmentDiscountId"),
  nullWithout("ResourceName", "ResourceId"),
  nullWithout("ResourceType", "ResourceId"),
  nullWithout("RegionName", "RegionId"),
  nullWithout("SubAccountName", "SubAccountId"),
  ...(["ConsumedUnit", "PricingUnit"] as const).map((column): ColumnRule => ({
    column,
    rule: "is capitalised and in the plural (Unit Format), or the code of a currency",
    holds: (value) => value === null || /^(?:[A-Z][a-z]+(?: [A-Z][a-z]+)*|[A-Z]{3})$/.test(value),
  })),
  {
    column: "Tags",
    rule: "MUST be a JSON object whose values are no objects, each key with the provider's prefix",
    holds: (value) =>
      Object.entries(JSON.parse(value ?? "{}") as Record<string, unknown>).every(
        ([key, tag]) => key.startsWith("asp/") && typeof tag === "string",
      ),
  },
  // Null Handling: no empty text stands for a value that is not there.
  ...focusColumns.map((column): ColumnRule => ({
    column,
    rule: "MUST NOT be empty text",
    holds: (value) => value !== "",
  })),
];

/** Every rule that a row breaks. */
export function broken(row: FocusRow): string[] {
  return columnRules
    .filter(({ column, holds }) => !holds(row[column], row))
    .map(({ column, rule }) => `${column} ${rule} (is ${row[column]})`);
}

/**
 * Rules between rows: a price list has one unit price and one SKU for each of its ids, and one provider publishes it.
 */
export function brokenBetween(rows: readonly FocusRow[]): string[] {
  const prices = new Map<string | null, string>();
  const problems: string[] = [];
  for (const { SkuPriceId, SkuId, ListUnitPrice, PricingUnit } of rows) {
    if (ListUnitPrice === null) continue;
    const price = [SkuId, ListUnitPrice, PricingUnit].join(" ");
    if ((prices.get(SkuPriceId) ?? price) !== price)
      problems.push(`SkuPriceId ${SkuPriceId} MUST define one unit price`);
    prices.set(SkuPriceId, price);
  }
  return problems;
}
