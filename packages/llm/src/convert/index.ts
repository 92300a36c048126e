export { type ConvertedPrices, type PriceFileOptions, type RefusedRow } from "./converted.ts";
export { convertGenaiPrices } from "./genai-prices.ts";
export { convertLiteLlm } from "./litellm.ts";
export { convertModelsDev } from "./models-dev.ts";
export { convertPriceFile } from "./price-file.ts";
