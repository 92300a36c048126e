/** Tokens of one model call, in neutral words. `inputTokens` includes those read from and written to a cache. */
export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Input tokens read from a prompt cache. */
  readonly cachedInputTokens?: number | undefined;
  /** Input tokens written to a prompt cache. */
  readonly cacheWriteTokens?: number | undefined;
}

/**
 * Reads the usage object of an OpenAI chat completion, an OpenAI response, an Anthropic message or an AI SDK result.
 * Nothing of those packages is imported.
 * @returns `undefined` when it is none of them, or a count is missing or no whole number: better no amount than a wrong one.
 */
export function tokenUsage(usage: unknown): TokenUsage | undefined {
  if (typeof usage !== "object" || usage === null) return undefined;
  const read = readUsage(usage as Readonly<Record<string, unknown>>);
  if (read === undefined) return undefined;
  const counts = [read.inputTokens, read.outputTokens, read.cachedInputTokens ?? 0, read.cacheWriteTokens ?? 0];
  return counts.every((count) => Number.isSafeInteger(count) && count >= 0) ? read : undefined;
}

function readUsage(usage: Readonly<Record<string, unknown>>): TokenUsage | undefined {
  // OpenAI chat completions: cached tokens are part of prompt_tokens.
  if ("prompt_tokens" in usage) {
    const details = member(usage, "prompt_tokens_details");
    return compact(usage["prompt_tokens"], usage["completion_tokens"], details?.["cached_tokens"], undefined);
  }
  // Anthropic: the two cache counts stand beside input_tokens, not within it.
  if ("cache_read_input_tokens" in usage || "cache_creation_input_tokens" in usage) {
    const read = usage["cache_read_input_tokens"] ?? 0;
    const written = usage["cache_creation_input_tokens"] ?? 0;
    const input = Number(usage["input_tokens"]) + Number(read) + Number(written);
    return compact(input, usage["output_tokens"], read, written);
  }
  // OpenAI responses, and Anthropic without caching.
  if ("input_tokens" in usage) {
    const details = member(usage, "input_tokens_details");
    const { cached_tokens: cached, cache_write_tokens: written } = details ?? {};
    return compact(usage["input_tokens"], usage["output_tokens"], cached, written);
  }
  // AI SDK: plain counts, or since version 6 objects with a total.
  if ("inputTokens" in usage) {
    const input = member(usage, "inputTokens");
    const output = member(usage, "outputTokens");
    const total = input ? input["total"] : usage["inputTokens"];
    const cached = input ? input["cacheRead"] : usage["cachedInputTokens"];
    return compact(total, output ? output["total"] : usage["outputTokens"], cached, input?.["cacheWrite"]);
  }
  return undefined;
}

function member(owner: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> | undefined {
  const value = owner[name];
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
}

function compact(input: unknown, output: unknown, cached: unknown, written: unknown): TokenUsage {
  return {
    inputTokens: Number(input),
    outputTokens: Number(output),
    ...(cached !== undefined && cached !== null && { cachedInputTokens: Number(cached) }),
    ...(written !== undefined && written !== null && { cacheWriteTokens: Number(written) }),
  };
}
