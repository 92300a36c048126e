export { type PriceTable, type TokenPrices, createPriceTable } from "./price-table.ts";
export { type TokenUsage, tokenUsage } from "./token-usage.ts";
