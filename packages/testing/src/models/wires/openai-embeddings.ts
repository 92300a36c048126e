import { deploymentOf } from "./openai-chat.ts";
import { openaiFailure } from "./openai-error.ts";
import { type Wire, blockOf, dataEvent, listOf, promptTokens, textOf, wholeOf, withUsage } from "./wire.ts";

/** OpenAI's embeddings, as numbers or in base64, which its own SDK asks for. */
export const openaiEmbeddings: Wire = {
  name: "openai-embeddings",
  path: /\/embeddings$/,
  read({ path, body }) {
    const model = textOf(body["model"]) ?? deploymentOf(path);
    if (model === undefined || body["input"] === undefined) return undefined;
    const inputs = listOf(body["input"]);
    // A list of numbers is one input, given as tokens.
    const isTokens = inputs.length > 0 && inputs.every((input) => typeof input === "number");
    return {
      model,
      body,
      isStream: false,
      blocks: inputs.map(blockOf),
      caching: "never",
      answers: isTokens ? 1 : inputs.length,
      makes: "vectors",
    };
  },
  answer({ body, answers }, work) {
    const vector = vectorOf(wholeOf(body["dimensions"]) ?? 8);
    const embedding = body["encoding_format"] === "base64" ? base64Of(vector) : vector;
    const data = Array.from({ length: answers }, (_, index) => ({ object: "embedding", index, embedding }));
    const usage = { prompt_tokens: promptTokens(work), total_tokens: promptTokens(work) };
    return { object: "list", data, model: work.model, ...withUsage("usage", work.usage(usage)) };
  },
  *events() {
    // An embedding is no stream.
  },
  failure: openaiFailure,
  failureEvent: (failure) => dataEvent(openaiFailure(failure)),
};

const mostDimensions = 4_096;

/** A vector of length one. */
export function vectorOf(dimensions: number): number[] {
  const length = Math.min(Math.max(1, dimensions), mostDimensions);
  return Array.from({ length }, (_, at) => (at === 0 ? 1 : 0));
}

function base64Of(vector: readonly number[]): string {
  const bytes = new Uint8Array(Float32Array.from(vector).buffer);
  return btoa(String.fromCharCode(...bytes));
}
