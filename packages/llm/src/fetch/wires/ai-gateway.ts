import { hidesCalls } from "./openai-chat.ts";
import { type Said, type Wire, bag, text } from "./wire.ts";

/** The AI SDK's own wire to Vercel's gateway: call options there, a result or the parts of a stream back. */
export const aiGateway: Wire = {
  name: "ai-gateway",
  action: "llm.completion",
  errors: "openai",
  model: ({ headers }) => headers.get("ai-language-model-id") ?? undefined,
  isStream: ({ headers }) => headers.get("ai-language-model-streaming") === "true",
  limitAt: () => ["maxOutputTokens"],
  toolNames: (tool) => [text(tool, "name") ?? ""],
  read(event): Said {
    const type = text(event, "type");
    if (type === undefined) return { usage: event["usage"], isDone: true };
    const isDone = type === "finish";
    return { usage: isDone ? event["usage"] : undefined, isDone, isLast: isDone };
  },
  hidesCalls,
  repeats: ({ type }) => type === "response-metadata" || type === "raw",
};

/** Embeddings through the gateway. */
export const aiGatewayEmbeddings: Wire = {
  name: "ai-gateway-embeddings",
  action: "llm.embedding",
  errors: "openai",
  model: ({ headers }) => headers.get("ai-model-id") ?? headers.get("ai-embedding-model-id") ?? undefined,
  isStream: () => false,
  read: (answer): Said => ({ usage: bag(answer)["usage"], isDone: true }),
};
