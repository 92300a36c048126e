import { type Members, unreadable } from "./members.ts";
import { type Reader, type Reading, freeMessages, least, readTerms } from "./reading.ts";
import { type InputParts, outputByTotal, splitInput, splitOutput } from "./split.ts";
import { answerTokens, promptTokens } from "./usage.ts";

export function isPromptTokens(usage: Members): boolean {
  return usage.names("promptTokens");
}

/** AI SDK 4, and the camel-case SDK of Mistral. */
export function readPromptTokens(usage: Members): Reading {
  const input = usage.needed("promptTokens");
  const total = usage.count("totalTokens");
  // An embedding has no answer.
  const output = usage.count("completionTokens") ?? (total === undefined ? usage.missing("completionTokens") : 0);
  const details = usage.at("promptTokensDetails", "promptTokenDetails");
  freeMessages(details);
  const seconds = usage.isObject("promptAudioSeconds") ? 0 : usage.most("promptAudioSeconds");
  return {
    tokens: {
      ...splitInput(usage, {
        all: input,
        cached: least(...details.counts("cachedTokens"), ...usage.counts("numCachedTokens")),
        audio: details.most("audioTokens"),
      }),
      ...splitOutput({
        all: outputByTotal(output, input, total),
        reasoning: usage.at("completionTokensDetails").most("reasoningTokens"),
      }),
    },
    units: { second: seconds, ...(usage.has("requestCount") && { request: usage.most("requestCount") }) },
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
  return usage.names("inputTokens", "inputTextTokens", "inputAudioTokens", "inputCharacters");
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
  const input = usage.isObject("inputTokens") ? nestedInput(usage) : flatInput(usage);
  const isNested = usage.isObject("outputTokens");
  const details = isNested ? usage.at("outputTokens") : usage.at("outputTokenDetails");
  details.free("text", "textTokens");
  const total = usage.count("totalTokens");
  const output = isNested ? details.needed("total") : countOrSum(usage, "outputTokens", spoken.output);
  const character = usage.most("inputCharacters");
  if (output === undefined && total === undefined && character === 0) usage.missing("outputTokens");
  const reasoning = Math.max(details.most("reasoning", "reasoningTokens"), usage.most("reasoningTokens"));
  return {
    tokens: {
      ...splitInput(usage, input),
      ...splitOutput({
        all: outputByTotal(output ?? 0, input.all, total),
        reasoning,
        audio: usage.most("outputAudioTokens"),
      }),
    },
    units: { character, second: usage.most("seconds", "inputAudioSeconds") },
    terms: readTerms(usage),
  };
}

/** What is spoken and written, where a realtime or a speech model counts them apart. */
const spoken = {
  input: ["inputTextTokens", "inputAudioTokens"],
  output: ["outputTextTokens", "outputAudioTokens"],
} as const;

/** A count, or the sum of its parts where it is left out. */
function countOrSum(usage: Members, name: string, parts: readonly string[]): number | undefined {
  const counts = usage.counts(...parts);
  const sum = counts.length === 0 ? undefined : counts.reduce((total, count) => total + count, 0);
  return usage.count(name) ?? sum;
}

function nestedInput(usage: Members): InputParts {
  const counts = usage.at("inputTokens");
  counts.free("noCache");
  return { all: counts.needed("total"), cached: counts.most("cacheRead"), written: counts.most("cacheWrite") };
}

function flatInput(usage: Members): InputParts {
  const details = usage.at("inputTokenDetails");
  details.free("noCacheTokens");
  usage.free("cachedInputTextTokens");
  const all = countOrSum(usage, "inputTokens", spoken.input);
  return {
    // Speech that is charged by its characters has no tokens.
    all: all ?? (usage.has("inputCharacters") ? 0 : usage.missing("inputTokens")),
    cached: least(...details.counts("cacheReadTokens"), ...usage.counts("cachedInputTokens")),
    written: Math.max(details.most("cacheWriteTokens"), usage.most("cacheWriteTokens")),
    audio: usage.most("inputAudioTokens"),
    cachedAudio: usage.most("cachedInputAudioTokens"),
  };
}
