import { type Members, unreadable } from "./members.ts";
import { type Reading, readTerms } from "./reading.ts";
import { splitInput, splitOutput } from "./split.ts";
import { answerTokens, promptTokens } from "./usage.ts";

export function isNested(usage: Members): boolean {
  return usage.isObject("input_tokens");
}

/** What a provider of the AI SDK 6 and 7 answers. Its results, and those of version 5, are as flat as OpenAI's. */
export function readNested(usage: Members): Reading {
  const input = usage.at("input_tokens");
  const output = usage.at("output_tokens");
  input.free("no_cache");
  output.free("text");
  return {
    tokens: {
      ...splitInput(usage, {
        all: input.needed("total"),
        cached: input.most("cache_read"),
        written: input.most("cache_write"),
      }),
      ...splitOutput({ all: output.needed("total"), reasoning: output.most("reasoning") }),
    },
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

/**
 * What the AI SDK says with what the provider itself said, its `raw`: that has the cache classes, tiers and modalities
 * which the SDK leaves out.
 */
export function withRaw(own: Reading, raw: Members, inner: Reading | undefined): Reading {
  if (inner === undefined) return { ...own, terms: { ...own.terms, ...readTerms(raw) } };
  const [said, seen] = [own.tokens ?? {}, inner.tokens ?? {}];
  if (promptTokens(seen) < promptTokens(said) || answerTokens(seen) < answerTokens(said)) {
    throw unreadable(raw.pointer, "counts less than the usage object around it");
  }
  return { ...inner, terms: { ...own.terms, ...inner.terms } };
}
