import type { Metrics } from "@imprest/core";
import { isBag } from "./wires/wire.ts";

const inputs = ["input_tokens", "prompt_tokens", "promptTokenCount", "inputTokens"];
const outputs = ["output_tokens", "completion_tokens", "candidatesTokenCount", "outputTokens"];

/** The counts of a usage object as they stand there, for the books beside the amount. */
export function usageMetrics(usage: unknown): Metrics {
  const inputTokens = countOf(usage, inputs);
  const outputTokens = countOf(usage, outputs);
  return { ...(inputTokens !== undefined && { inputTokens }), ...(outputTokens !== undefined && { outputTokens }) };
}

function countOf(usage: unknown, names: readonly string[]): number | undefined {
  if (!isBag(usage)) return undefined;
  const values = names.map((name) => usage[name]).map((value) => (isBag(value) ? value["total"] : value));
  return values.find((value) => Number.isSafeInteger(value)) as number | undefined;
}
