import { openAiModel, openAiToolNames, openAiUsage } from "./openai-chat.ts";
import { type Said, type Wire, bag, text } from "./wire.ts";

const ends = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** OpenAI's responses, and a compaction of them. */
export const openAiResponses: Wire = {
  name: "openai-responses",
  action: "llm.completion",
  errors: "openai",
  model: openAiModel,
  isStream: ({ body }) => body["stream"] === true,
  limitAt: () => ["max_output_tokens"],
  toolNames: openAiToolNames,
  isDetached: ({ body }) => body["background"] === true,
  read(event): Said {
    const type = text(event, "type");
    if (type === undefined) return { usage: openAiUsage(event), isDone: true };
    const usage = openAiUsage(bag(event["response"]));
    const isDone = ends.has(type);
    return { usage, isDone, isLast: isDone || type === "error" };
  },
  repeats: ({ type, response }) => response !== undefined || /\.(?:done|added)$/.test(String(type)),
};
