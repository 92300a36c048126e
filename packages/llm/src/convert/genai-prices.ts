import { isBag } from "../usage/members.ts";
import type { TokenKind } from "../usage/usage.ts";
import { type ConvertedPrices, type PriceFileOptions, type Row, convert, parseFile, wrongForm } from "./converted.ts";
import { Draft } from "./draft.ts";

const format = "genai-prices' data.json";

/** Dollars per million tokens. */
const tokenPrices: Readonly<Record<string, TokenKind>> = {
  input_mtok: "input",
  output_mtok: "output",
  output_reasoning_mtok: "reasoning",
  cache_read_mtok: "cachedInput",
  cache_write_mtok: "cacheWrite",
  cache_write_5m_mtok: "cacheWrite",
  cache_write_1h_mtok: "cacheWrite1h",
  input_audio_mtok: "audioInput",
  output_audio_mtok: "audioOutput",
  cache_audio_read_mtok: "cachedAudioInput",
  input_image_mtok: "imageInput",
  output_image_mtok: "imageOutput",
  cache_image_read_mtok: "cachedImageInput",
  input_video_mtok: "videoInput",
  output_video_mtok: "videoOutput",
};
/** Dollars per thousand. */
const unitPrices: Readonly<Record<string, string>> = { requests_kcount: "request", web_searches_kcount: "webSearch" };

/** What is said of a model and charges no call. */
const remarks = new Set([
  "id",
  "name",
  "description",
  "match",
  "price_comments",
  "prices_checked",
  "price_discrepancies",
  "deprecated",
  "removed",
  "collapse",
]);

/**
 * Reads the data of genai-prices. A model's name is `provider/model`; of prices that hold from a date on, those of
 * `options.date` are taken.
 * @throws ConfigurationError for text that is no such file.
 * @example
 * const { models } = await convertGenaiPrices(text, { from: url, date: "2026-11-28", models: ["anthropic/claude-opus-4"] });
 */
export async function convertGenaiPrices(text: string, options: PriceFileOptions): Promise<ConvertedPrices> {
  const file = parseFile(format, text);
  const providers: unknown = isBag(file) ? file["providers"] : file;
  if (!Array.isArray(providers)) wrongForm(format);
  const rows = providers.flatMap((provider: unknown): Row[] => {
    const { id, models } = isBag(provider) ? provider : {};
    if (typeof id !== "string" || !Array.isArray(models)) wrongForm(format);
    return models.map((row: unknown): Row => {
      const name = isBag(row) && typeof row["id"] === "string" ? row["id"] : wrongForm(format);
      const aliases = isBag(row) ? equalsOf(row["match"]).map((alias) => `${id}/${alias}`) : [];
      return [`${id}/${name}`, (draft) => readRow(draft, row, options.date), aliases];
    });
  });
  return convert("genai-prices", text, options, rows, () => new Draft());
}

/** The whole names that a row is for; what a row is for by a part of a name may be another model. */
function equalsOf(match: unknown): string[] {
  if (!isBag(match)) return [];
  const any: unknown = match["or"];
  const clauses: readonly unknown[] = Array.isArray(any) ? any : [match];
  return clauses.flatMap((clause) => (isBag(clause) && typeof clause["equals"] === "string" ? [clause["equals"]] : []));
}

function readRow(draft: Draft, row: unknown, date: string): void {
  if (!isBag(row)) return draft.refuse("");
  for (const [member, value] of Object.entries(row)) {
    if (value === null || remarks.has(member)) continue;
    if (member === "context_window") draft.limit(member, value, "maxInputTokens");
    else if (member === "prices") readPrices(draft, value, date);
    else draft.refuse(member);
  }
  // By the file's own rule a token without a price of its modality costs what input costs.
  for (const kind of ["imageInput", "videoInput", "documentInput"] as const) draft.asInput(kind);
}

function readPrices(draft: Draft, prices: unknown, date: string): void {
  const held = Array.isArray(prices) ? pricesOf(draft, prices, date) : prices;
  if (!isBag(held)) return draft.refuse("prices");
  const given = Object.entries(held).filter(([, value]) => value !== null);
  const thresholds = new Set(given.flatMap(([, value]) => tiersOf(value).map(({ start }) => start)));
  for (const [name, value] of given) {
    const kind = Object.hasOwn(tokenPrices, name) ? tokenPrices[name] : undefined;
    const unit = Object.hasOwn(unitPrices, name) ? unitPrices[name] : undefined;
    if (kind !== undefined) readTokens(draft, `prices/${name}`, value, kind, thresholds);
    else if (unit !== undefined) draft.unit(`prices/${name}`, value, unit, 3);
    else draft.refuse(`prices/${name}`);
  }
}

/** The last of the prices whose date has come, else the first, as the file's own reader does. Those that depend on the hour of the day have no place in a table. */
function pricesOf(draft: Draft, list: readonly unknown[], date: string): unknown {
  let held: unknown;
  for (const [at, entry] of list.entries()) {
    const { constraint, prices, ...others } = isBag(entry) ? entry : {};
    const { start_date: from, ...conditions } = isBag(constraint) ? constraint : {};
    const unknown = [...Object.keys(others), ...Object.keys(conditions).map((name) => `constraint/${name}`)].filter(
      (name) => name !== "constraint/type",
    );
    for (const name of unknown) draft.refuse(`prices/${at}/${name}`);
    if (from === undefined || (typeof from === "string" && from <= date)) held = prices;
  }
  return held ?? (isBag(list[0]) ? list[0]["prices"] : undefined);
}

/** A price, or a base with tiers: a price that is the same for every length is repeated in each tier. */
function readTokens(
  draft: Draft,
  member: string,
  value: unknown,
  kind: TokenKind,
  thresholds: ReadonlySet<number>,
): void {
  const isTiered = isBag(value);
  const tiers = tiersOf(value);
  const base = isTiered ? value["base"] : value;
  const isWhole = !isTiered || (Array.isArray(value["tiers"]) && tiers.length === value["tiers"].length);
  if (!isWhole) return draft.refuse(member);
  draft.tokens(member, base, kind, 6);
  for (const above of thresholds) {
    const last = tiers.filter(({ start }) => start <= above).toSorted((left, right) => right.start - left.start)[0];
    draft.tokens(member, last?.price ?? base, kind, 6, { above });
  }
}

interface Tier {
  readonly start: number;
  readonly price: unknown;
}

function tiersOf(value: unknown): Tier[] {
  const tiers: unknown = isBag(value) ? value["tiers"] : undefined;
  return (Array.isArray(tiers) ? tiers : []).flatMap((tier: unknown) => {
    const { start, price } = isBag(tier) ? tier : {};
    return typeof start === "number" && Number.isSafeInteger(start) && start > 0 ? [{ start, price }] : [];
  });
}
