import { isBag } from "../usage/members.ts";
import type { TokenKind } from "../usage/usage.ts";
import { type ConvertedPrices, type PriceFileOptions, type Row, convert, parseFile, wrongForm } from "./converted.ts";
import { Draft } from "./draft.ts";

const format = "models.dev's api.json";

/** Dollars per million tokens. */
const tokenPrices: Readonly<Record<string, TokenKind>> = {
  input: "input",
  output: "output",
  reasoning: "reasoning",
  cache_read: "cachedInput",
  cache_write: "cacheWrite",
  input_audio: "audioInput",
  output_audio: "audioOutput",
};

/** What is said of a model and charges no call. A mode under `experimental` (fast) stays without a price: it is refused. */
const remarks = new Set([
  "id",
  "name",
  "family",
  "description",
  "attachment",
  "reasoning",
  "reasoning_options",
  "temperature",
  "tool_call",
  "structured_output",
  "interleaved",
  "knowledge",
  "release_date",
  "last_updated",
  "modalities",
  "open_weights",
  "status",
  "experimental",
  "provider",
]);

/** Modalities that a model charges as text where the file names no other price. */
const asText: Readonly<Record<string, TokenKind>> = { image: "imageInput", pdf: "documentInput", video: "videoInput" };

/**
 * Reads models.dev's `api.json`. A model's name is `provider/model`.
 * @throws ConfigurationError for text that is no such file.
 * @example
 * const { models } = await convertModelsDev(text, { from: url, date: "2026-11-28", models: ["openai/gpt-5"] });
 */
export async function convertModelsDev(text: string, options: PriceFileOptions): Promise<ConvertedPrices> {
  const file = parseFile(format, text);
  if (!isBag(file)) wrongForm(format);
  const rows = Object.entries(file).flatMap(([provider, entry]): Row[] => {
    const models = isBag(entry) ? entry["models"] : undefined;
    if (!isBag(models)) wrongForm(format);
    return Object.entries(models).map(([model, row]) => [`${provider}/${model}`, (draft) => readRow(draft, row)]);
  });
  return convert("models.dev", text, options, rows, () => new Draft());
}

function readRow(draft: Draft, row: unknown): void {
  if (!isBag(row)) return draft.refuse("");
  for (const [member, value] of Object.entries(row)) {
    if (value === null || remarks.has(member)) continue;
    if (member === "cost" && isBag(value)) readCost(draft, value);
    else if (member === "limit" && isBag(value)) readLimit(draft, value);
    else draft.refuse(member);
  }
  const inputs = isBag(row["modalities"]) ? row["modalities"]["input"] : undefined;
  for (const modality of Array.isArray(inputs) ? inputs : []) {
    const kind = asText[String(modality)];
    if (kind !== undefined) draft.asInput(kind);
  }
}

function readCost(draft: Draft, cost: Readonly<Record<string, unknown>>): void {
  const { tiers, context_over_200k: over200k, ...plain } = cost;
  readPrices(draft, "cost", plain);
  if (Array.isArray(tiers)) {
    for (const [at, tier] of tiers.entries()) readTier(draft, `cost/tiers/${at}`, tier);
  } else if (tiers !== undefined && tiers !== null) draft.refuse("cost/tiers");
  // The older form of the same tier.
  else if (isBag(over200k)) readPrices(draft, "cost/context_over_200k", over200k, 200_000);
  else if (over200k !== undefined && over200k !== null) draft.refuse("cost/context_over_200k");
}

function readTier(draft: Draft, pointer: string, tier: unknown): void {
  const { tier: bound, ...prices } = isBag(tier) ? tier : {};
  const { type, size } = isBag(bound) ? bound : {};
  if (type !== "context" || typeof size !== "number" || !Number.isSafeInteger(size))
    return draft.refuse(`${pointer}/tier`);
  readPrices(draft, pointer, prices, size);
}

function readPrices(draft: Draft, pointer: string, prices: Readonly<Record<string, unknown>>, above?: number): void {
  for (const [name, value] of Object.entries(prices)) {
    if (value === null) continue;
    const kind = Object.hasOwn(tokenPrices, name) ? tokenPrices[name] : undefined;
    if (kind === undefined) draft.refuse(`${pointer}/${name}`);
    else draft.tokens(`${pointer}/${name}`, value, kind, 6, { above });
  }
}

function readLimit(draft: Draft, { context, input, output, ...others }: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(others)) draft.refuse(`limit/${name}`);
  const longest = input ?? context;
  if (longest !== undefined && longest !== null) draft.limit("limit/context", longest, "maxInputTokens");
  if (output !== undefined && output !== null) draft.limit("limit/output", output, "maxOutputTokens");
}
