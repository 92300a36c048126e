import { isBag } from "../usage/members.ts";
import { type ConvertedPrices, type PriceFileOptions, parseFile, wrongForm } from "./converted.ts";
import { convertGenaiPrices } from "./genai-prices.ts";
import { convertLiteLlm } from "./litellm.ts";
import { convertModelsDev } from "./models-dev.ts";

/**
 * Reads a public price file of any form that has a converter: which one it is shows in it.
 * @throws ConfigurationError for text that is no such file.
 * @example
 * const { models, refused } = await convertPriceFile(text, { from: url, date: "2026-11-28", models: ["gpt-5"] });
 */
export async function convertPriceFile(text: string, options: PriceFileOptions): Promise<ConvertedPrices> {
  const file = parseFile("price", text);
  if (Array.isArray(file) || (isBag(file) && Array.isArray(file["providers"])))
    return convertGenaiPrices(text, options);
  const rows = isBag(file) ? Object.values(file) : [];
  if (rows.length > 0 && rows.every((row) => isBag(row) && isBag(row["models"])))
    return convertModelsDev(text, options);
  if (rows.some((row) => isBag(row) && ("litellm_provider" in row || "mode" in row)))
    return convertLiteLlm(text, options);
  return wrongForm("LiteLLM, models.dev or genai-prices");
}
