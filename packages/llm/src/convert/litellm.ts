import { isBag } from "../usage/members.ts";
import type { TokenKind } from "../usage/usage.ts";
import { type ConvertedPrices, type PriceFileOptions, convert, parseFile, wrongForm } from "./converted.ts";
import { Draft } from "./draft.ts";

const format = "LiteLLM's model_prices_and_context_window.json";

/** Dollars per token. */
const tokenPrices: Readonly<Record<string, TokenKind>> = {
  input_cost_per_token: "input",
  output_cost_per_token: "output",
  output_cost_per_reasoning_token: "reasoning",
  cache_read_input_token_cost: "cachedInput",
  input_cost_per_token_cache_hit: "cachedInput",
  cache_creation_input_token_cost: "cacheWrite",
  cache_creation_input_token_cost_above_1hr: "cacheWrite1h",
  cache_creation_input_token_cost_above_12hr: "cacheWrite12h",
  input_cost_per_audio_token: "audioInput",
  output_cost_per_audio_token: "audioOutput",
  cache_read_input_audio_token_cost: "cachedAudioInput",
  input_cost_per_image_token: "imageInput",
  output_cost_per_image_token: "imageOutput",
  cache_read_input_image_token_cost: "cachedImageInput",
  input_cost_per_video_token: "videoInput",
  output_cost_per_video_token: "videoOutput",
};
const suffixes = /(?:_above_(?<thousands>\d+)k_tokens)?(?:_(?<tier>priority|flex|batches|balanced|ultrafast))?$/;

/** What data residency and regional endpoints cost more. */
const uplift = /^(regional|fedramp)_(?:(?:processing|endpoint)_)?uplift_multiplier(?:_([a-z]{2}))?$/;

/** Prices by the piece hold only in these modes: elsewhere the same name is a price of something else. */
const unitPrices: Readonly<Record<string, readonly [mode: string | undefined, unit: string, powerOfTen: 0 | 3]>> = {
  input_cost_per_request: [undefined, "request", 0],
  input_cost_per_second: ["audio_transcription", "second", 0],
  output_cost_per_image: ["image_generation", "image", 0],
  input_cost_per_query: ["rerank", "searchUnit", 0],
  ocr_cost_per_page: ["ocr", "page", 0],
  file_search_cost_per_1k_calls: [undefined, "fileSearch", 3],
  google_maps_grounding_cost_per_query: [undefined, "mapsGrounding", 0],
  code_interpreter_cost_per_session: [undefined, "codeInterpreterSession", 0],
};

/** What is said of a model and charges no call. */
const remarks = new Set([
  "litellm_provider",
  "mode",
  "source",
  "comment",
  "comments",
  "metadata",
  "deprecation_date",
  "deprecation_source",
  "successor_model",
  "max_tokens",
  "inference_geo",
  "web_search_billing_unit",
  "audio_transcription_config",
  "vertex_ai_audio_api",
  "gemini_native_audio",
  "gemini_audio_only_live",
  "uses_embed_content",
  "thinking_always_on",
  "thinking_on_by_default",
  "reasoning_contexts",
  "reasoning_modes",
  "reasoning_effort_levels",
  "default_reasoning_effort",
  "bedrock_output_config_effort_ceiling",
  "bedrock_converse_supports_strict_tools",
  "prompt_cache_min_tokens",
  "rpd",
  "rpm",
  "tpm",
  "output_vector_size",
  "tool_use_system_prompt_tokens",
  "token_count_model",
  "token_count_framing",
  "token_count_tokenizer",
  "use_openai_responses_path",
  // What is free of charge up to a number is charged from the first: the price is not known to be lower.
  "search_free_requests",
  // No usage object counts audio that was written to a cache.
  "cache_creation_input_audio_token_cost",
  "max_images_per_prompt",
  "max_videos_per_prompt",
  "max_video_length",
  "max_audio_length_hours",
  "max_audio_per_prompt",
  "max_pdf_size_mb",
  "max_query_tokens",
  "max_document_chunks_per_query",
  "max_tokens_per_document_chunk",
  "file_search_cost_per_gb_per_day",
  "vector_store_cost_per_gb_per_day",
]);

type Bag = Readonly<Record<string, unknown>>;

/**
 * Reads LiteLLM's `model_prices_and_context_window.json`.
 * @throws ConfigurationError for text that is no such file.
 * @example
 * const { models, refused } = await convertLiteLlm(text, { from: url, date: "2026-11-28", models: ["gpt-5"] });
 * const prices = createPriceTable(models);
 */
export async function convertLiteLlm(text: string, options: PriceFileOptions): Promise<ConvertedPrices> {
  const file = parseFile(format, text);
  if (!isBag(file)) wrongForm(format);
  const rows = Object.entries(file).filter(([model]) => model !== "sample_spec");
  const reads = rows.map(([model, row]) => [model, (draft: Draft) => readRow(draft, aliased(file, row))] as const);
  return convert("litellm", text, options, reads, () => new Draft());
}

/** The row that one stands for, with what it says itself. An alias of an alias stays one, and is refused. */
function aliased(file: Bag, row: unknown): unknown {
  const { alias_of: name, ...own } = isBag(row) ? row : {};
  const other = typeof name === "string" && Object.hasOwn(file, name) ? file[name] : undefined;
  return isBag(other) ? { ...other, ...own } : row;
}

function upliftRegion(member: string): string {
  const [, kind = "", region] = uplift.exec(member) ?? [];
  return region ?? kind;
}

function readRow(draft: Draft, row: unknown): void {
  if (!isBag(row)) return draft.refuse("");
  for (const [member, value] of Object.entries(row)) {
    if (value !== null && !readMember(draft, row, member, value)) draft.refuse(member);
  }
  if (row["supports_vision"] === true) draft.asInput("imageInput");
  if (row["supports_pdf_input"] === true) draft.asInput("documentInput");
  if (row["supports_video_input"] === true) draft.asInput("videoInput");
}

/** @returns false for a member that is not understood. */
function readMember(draft: Draft, row: Bag, member: string, value: unknown): boolean {
  if (remarks.has(member) || /^support(?:s|ed)_/.test(member)) return true;
  if (member === "max_input_tokens") draft.limit(member, value, "maxInputTokens");
  else if (member === "max_output_tokens") draft.limit(member, value, "maxOutputTokens");
  else if (member === "search_context_cost_per_query") return readSearch(draft, member, value);
  else if (member === "provider_specific_entry") return readFactors(draft, member, value);
  else if (member === "tiered_pricing") return readTiers(draft, member, value);
  else if (uplift.test(member)) draft.multiplier(member, value, "region", upliftRegion(member));
  else return readTokens(draft, member, value) || readUnit(draft, row, member, value) || isNothing(row, member, value);
  return true;
}

/** A price of zero, or of an image whose tokens have a price. */
function isNothing(row: Bag, member: string, value: unknown): boolean {
  if (member === "output_cost_per_image") return typeof row["output_cost_per_image_token"] === "number";
  return value === 0 && member.includes("cost_per_");
}

function readTokens(draft: Draft, member: string, value: unknown, above?: number): boolean {
  const { thousands, tier } = suffixes.exec(member)?.groups ?? {};
  const kind = tokenPrices[member.replace(suffixes, "")];
  if (kind === undefined) return false;
  draft.tokens(member, value, kind, 0, {
    above: thousands === undefined ? above : Number(thousands) * 1_000,
    tier: tier === "batches" ? "batch" : tier,
  });
  return true;
}

function readUnit(draft: Draft, row: Bag, member: string, value: unknown): boolean {
  const [mode, unit, powerOfTen] = (Object.hasOwn(unitPrices, member) ? unitPrices[member] : undefined) ?? [];
  if (unit === undefined || (mode !== undefined && row["mode"] !== mode)) return false;
  draft.unit(member, value, unit, powerOfTen);
  return true;
}

const searchSizes: Readonly<Record<string, string>> = {
  search_context_size_low: "searchContextLow",
  search_context_size_medium: "searchContextMedium",
  search_context_size_high: "searchContextHigh",
};

/** By the size of the search's context; a search whose size the usage does not name costs the most. */
function readSearch(draft: Draft, member: string, value: unknown): boolean {
  if (!isBag(value)) return false;
  const prices = Object.entries(value);
  if (prices.length === 0 || prices.some(([size, price]) => !(size in searchSizes) || typeof price !== "number"))
    return false;
  for (const [size, price] of prices) draft.unit(`${member}/${size}`, price, searchSizes[size] ?? size);
  draft.unit(member, Math.max(...prices.map(([, price]) => Number(price))), "webSearch");
  return true;
}

/** Factors under a region's or a speed's name. */
function readFactors(draft: Draft, member: string, value: unknown): boolean {
  if (!isBag(value)) return false;
  for (const [word, factor] of Object.entries(value)) {
    // A mark of the model rather than a price.
    if (factor === 1) continue;
    if (word === "fast") draft.multiplier(`${member}/${word}`, factor, "speed", word);
    else if (/^[a-z]{2}$/.test(word)) draft.multiplier(`${member}/${word}`, factor, "region", word);
    else draft.refuse(`${member}/${word}`);
  }
  return true;
}

/** Prices by ranges of the prompt, the first from zero. */
function readTiers(draft: Draft, member: string, value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((tier: unknown, at) => {
    const range = isBag(tier) ? tier["range"] : undefined;
    const start: unknown = Array.isArray(range) ? range[0] : undefined;
    if (!isBag(tier) || typeof start !== "number" || !Number.isSafeInteger(start) || start < 0) return false;
    if ((at === 0) !== (start === 0)) return false;
    for (const [name, price] of Object.entries(tier)) {
      if (name !== "range" && !readTokens(draft, name, price, start)) draft.refuse(`${member}/${at}/${name}`);
    }
    return true;
  });
}
