import { isBag } from "../usage/members.ts";
import { type ConvertedPrices, type PriceFileOptions, parseFile, wrongForm } from "./converted.ts";
import { convertGenaiPrices } from "./genai-prices.ts";
import { convertLiteLlm } from "./litellm.ts";
import { convertModelsDev } from "./models-dev.ts";

/** A form of price files, and its converter. */
interface Form {
  readonly name: string;
  /** Whether a file has it, by what no other form has. */
  readonly isOf: (file: unknown) => boolean;
  readonly convert: (text: string, options: PriceFileOptions) => Promise<ConvertedPrices>;
}

const rowsOf = (file: unknown): readonly unknown[] => (isBag(file) ? Object.values(file) : []);

const forms: readonly Form[] = [
  {
    name: "LiteLLM",
    isOf: (file) => rowsOf(file).some((row) => isBag(row) && ("litellm_provider" in row || "mode" in row)),
    convert: convertLiteLlm,
  },
  {
    name: "models.dev",
    isOf: (file) => rowsOf(file).length > 0 && rowsOf(file).every((row) => isBag(row) && isBag(row["models"])),
    convert: convertModelsDev,
  },
  {
    name: "genai-prices",
    isOf: (file) => Array.isArray(file) || (isBag(file) && Array.isArray(file["providers"])),
    convert: convertGenaiPrices,
  },
];

/**
 * Reads a public price file of any form that has a converter: which one it is shows in it.
 * @throws ConfigurationError for text that is no such file.
 * @example
 * const { models, refused } = await convertPriceFile(text, { from: url, date: "2026-11-28", models: ["gpt-5"] });
 */
export async function convertPriceFile(text: string, options: PriceFileOptions): Promise<ConvertedPrices> {
  const file = parseFile("price", text);
  const form = forms.find(({ isOf }) => isOf(file));
  if (form === undefined) return wrongForm(forms.map(({ name }) => name).join(" or "));
  return form.convert(text, options);
}
