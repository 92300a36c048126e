/** Tokens of the input side. A token is of one kind only: `input` is text that no cache was read for or written with. */
export const inputKinds = [
  "input",
  "cachedInput",
  "cacheWrite",
  "cacheWrite1h",
  "cacheWrite12h",
  "audioInput",
  "cachedAudioInput",
  "imageInput",
  "cachedImageInput",
  "videoInput",
  "documentInput",
] as const;

/** Tokens of the output side; `reasoning` is apart from `output`. */
export const outputKinds = ["output", "reasoning", "audioOutput", "imageOutput", "videoOutput"] as const;

/** What tokens are charged as. */
export type TokenKind = (typeof inputKinds)[number] | (typeof outputKinds)[number];

/** Tokens by kind. An absent kind is none. */
export type TokenCounts = Readonly<Partial<Record<TokenKind, number>>>;

/** What is counted one by one: `request`, `second`, `image`, `webSearch`, or what a provider names. */
export type UnitCounts = Readonly<Record<string, number>>;

/** Words of an answer that change its price. */
export interface UsageTerms {
  /** `priority`, `flex`, `batch`: the service tier. */
  readonly tier?: string | undefined;
  /** `fast`. */
  readonly speed?: string | undefined;
  /** `us`: where inference was held. */
  readonly region?: string | undefined;
}

/** One request to a model: the size of its own prompt decides the tier of its prices. */
export interface RequestUsage {
  /** The model that answered it, where it is another than was asked: an advisor, a fallback. */
  readonly model?: string | undefined;
  readonly tokens: TokenCounts;
  readonly units: UnitCounts;
}

/** What a model call used, in neutral words. */
export interface Usage extends RequestUsage {
  readonly terms: UsageTerms;
  /** The requests that `tokens` and `units` are the sums of, where the provider counts several apart. */
  readonly requests: readonly RequestUsage[];
  /** Dollars as decimal text, where the provider states its own cost. */
  readonly statedCost?: string | undefined;
}

const inputSide: ReadonlySet<string> = new Set(inputKinds);

export function isInputKind(kind: string): boolean {
  return inputSide.has(kind);
}

/** All tokens of the prompt, cached ones included. */
export function promptTokens(tokens: TokenCounts): number {
  return sideOf(tokens, true);
}

/** All tokens of the answer, reasoning included. */
export function answerTokens(tokens: TokenCounts): number {
  return sideOf(tokens, false);
}

function sideOf(tokens: TokenCounts, isInput: boolean): number {
  return Object.entries(tokens).reduce((sum, [kind, count]) => sum + (isInputKind(kind) === isInput ? count : 0), 0);
}

/** The sums of several records of counts. */
export function sumCounts<Kind extends string>(
  records: readonly Readonly<Partial<Record<Kind, number>>>[],
): Partial<Record<Kind, number>> {
  const sums: Partial<Record<Kind, number>> = {};
  for (const record of records) {
    for (const [kind, count] of Object.entries<number | undefined>(record)) {
      if (count !== undefined) sums[kind as Kind] = (sums[kind as Kind] ?? 0) + count;
    }
  }
  return sums;
}
