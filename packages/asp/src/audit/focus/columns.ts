/**
 * The columns of FOCUS 1.0, in its order, and what has to hold of a data set for a column to be in it. `always` is its
 * "mandatory"; a condition that does not hold makes the column one that may be left out.
 */
const presence = {
  AvailabilityZone: "zones",
  BilledCost: "always",
  BillingAccountId: "always",
  BillingAccountName: "always",
  BillingCurrency: "always",
  BillingPeriodEnd: "always",
  BillingPeriodStart: "always",
  ChargeCategory: "always",
  ChargeClass: "always",
  ChargeDescription: "always",
  ChargeFrequency: "recommended",
  ChargePeriodEnd: "always",
  ChargePeriodStart: "always",
  CommitmentDiscountCategory: "commitments",
  CommitmentDiscountId: "commitments",
  CommitmentDiscountName: "commitments",
  CommitmentDiscountStatus: "commitments",
  CommitmentDiscountType: "commitments",
  ConsumedQuantity: "measuredUsage",
  ConsumedUnit: "measuredUsage",
  ContractedCost: "always",
  ContractedUnitPrice: "negotiatedPrices",
  EffectiveCost: "always",
  InvoiceIssuerName: "always",
  ListCost: "always",
  ListUnitPrice: "unitPrices",
  PricingCategory: "pricingCategories",
  PricingQuantity: "always",
  PricingUnit: "always",
  ProviderName: "always",
  PublisherName: "always",
  RegionId: "regions",
  RegionName: "regions",
  ResourceId: "provisionedResources",
  ResourceName: "provisionedResources",
  ResourceType: "provisionedResources",
  ServiceCategory: "always",
  ServiceName: "always",
  SkuId: "skuList",
  SkuPriceId: "skuList",
  SubAccountId: "subAccounts",
  SubAccountName: "subAccounts",
  Tags: "tags",
} as const;

/** The name of a column of FOCUS 1.0. */
export type FocusColumn = keyof typeof presence;

type Condition = (typeof presence)[FocusColumn];

/** What an authority of spend has none of: its data has no value for these columns. */
const absent: ReadonlySet<Condition> = new Set<Condition>(["zones", "commitments", "regions", "provisionedResources"]);

/** The columns of FOCUS 1.0, in its order. */
export const focusColumns = Object.keys(presence) as readonly FocusColumn[];

/** Those whose condition holds for spend: the others are null in every row, and FOCUS 1.0 lets a provider leave them out. */
export const applicableFocusColumns: readonly FocusColumn[] = focusColumns.filter(
  (column) => !absent.has(presence[column]),
);

/** One row; a column without a value is `null`. Costs and quantities are exact decimals, as text. */
export type FocusRow = { readonly [Column in FocusColumn]: string | null };
