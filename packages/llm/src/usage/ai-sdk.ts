import { type Members, unreadable } from "./members.ts";
import { type Reader, type Reading, least, readTerms } from "./reading.ts";
import { outputByTotal, splitInput, splitOutput } from "./split.ts";
import { answerTokens, promptTokens } from "./usage.ts";

export function isPromptTokens(usage: Members): boolean {
  return usage.names("promptTokens");
}

/** AI SDK 4, and the camel-case SDK of Mistral. */
export function readPromptTokens(usage: Members): Reading {
  const input = usage.needed("promptTokens");
  const details = usage.at("promptTokensDetails", "promptTokenDetails");
  const seconds = usage.isObject("promptAudioSeconds") ? 0 : usage.most("promptAudioSeconds");
  return {
    tokens: {
      ...splitInput(usage, { all: input, cached: least(...details.counts("cachedTokens")) }),
      ...splitOutput({ all: outputByTotal(usage.needed("completionTokens"), input, usage.count("totalTokens")) }),
    },
    units: { second: seconds },
    terms: readTerms(usage),
  };
}

export function isEmbedding(usage: Members): boolean {
  return usage.has("tokens") && !usage.isObject("tokens");
}

/** An embedding of the AI SDK. */
export function readEmbedding(usage: Members): Reading {
  return { tokens: { input: usage.needed("tokens") } };
}

export function isInputTokens(usage: Members): boolean {
  return usage.names("inputTokens");
}

/**
 * AI SDK 5 to 7, results and providers' answers. `raw` is what the provider itself said: it has the cache classes, tiers
 * and modalities that the SDK leaves out.
 */
export const readInputTokens: Reader = (usage, readInner) => {
  const own = readOwn(usage);
  if (!usage.isObject("raw")) return own;
  const raw = usage.at("raw");
  const inner = readInner(raw);
  if (inner === undefined) return { ...own, terms: { ...own.terms, ...readTerms(raw) } };
  const [said, seen] = [own.tokens ?? {}, inner.tokens ?? {}];
  if (promptTokens(seen) < promptTokens(said) || answerTokens(seen) < answerTokens(said)) {
    throw unreadable(`${usage.pointer}/raw`, "counts less than the usage object around it");
  }
  return { ...inner, terms: { ...own.terms, ...inner.terms } };
};

function readOwn(usage: Members): Reading {
  const { input, cached, written } = usage.isObject("inputTokens") ? nestedInput(usage) : flatInput(usage);
  const isNested = usage.isObject("outputTokens");
  const details = isNested ? usage.at("outputTokens") : usage.at("outputTokenDetails");
  details.free("text", "textTokens");
  const total = usage.count("totalTokens");
  const output = isNested ? details.needed("total") : usage.count("outputTokens");
  if (output === undefined && total === undefined) usage.missing("outputTokens");
  const reasoning = Math.max(details.most("reasoning", "reasoningTokens"), usage.most("reasoningTokens"));
  return {
    tokens: {
      ...splitInput(usage, { all: input, cached, written }),
      ...splitOutput({ all: outputByTotal(output ?? 0, input, total), reasoning }),
    },
    terms: readTerms(usage),
  };
}

interface OwnInput {
  readonly input: number;
  readonly cached: number;
  readonly written: number;
}

function nestedInput(usage: Members): OwnInput {
  const counts = usage.at("inputTokens");
  counts.free("noCache");
  return { input: counts.needed("total"), cached: counts.most("cacheRead"), written: counts.most("cacheWrite") };
}

function flatInput(usage: Members): OwnInput {
  const details = usage.at("inputTokenDetails");
  details.free("noCacheTokens");
  return {
    input: usage.needed("inputTokens"),
    cached: least(...details.counts("cacheReadTokens"), ...usage.counts("cachedInputTokens")),
    written: Math.max(details.most("cacheWriteTokens"), usage.most("cacheWriteTokens")),
  };
}
