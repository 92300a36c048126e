export { type DenialResponseOptions, denialOf, denialResponse } from "./fetch/denial.ts";
export { type CountedPrefix, type CountedPrefixes, type GuardPrices } from "./fetch/call-cost.ts";
export { guardFetch } from "./fetch/guard-fetch.ts";
export { notBilled } from "./fetch/not-billed.ts";
export { type GuardFetchOptions, type GuardReport, type GuardedRequest } from "./fetch/options.ts";
export { type EstimatedTokens } from "./prices/estimate.ts";
export { type ModelPrices, type PriceCard, type TokenPrices } from "./prices/model-prices.ts";
export { type KnownPrefix, type PrefixMap, createPrefixMap } from "./prices/prefix-map.ts";
export { type PriceTable, type PriceTableOptions, createPriceTable } from "./prices/price-table.ts";
export { type EstimateOptions } from "./prices/request-bound.ts";
export { mergeUsage } from "./usage/merge-usage.ts";
export { readUsage } from "./usage/read-usage.ts";
export {
  type RequestUsage,
  type TokenCounts,
  type TokenKind,
  type UnitCounts,
  type Usage,
  type UsageTerms,
} from "./usage/usage.ts";
