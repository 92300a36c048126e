import { openAiModel, openAiToolNames, openAiUsage } from "./openai-chat.ts";
import { type Bag, type Said, type ToolCall, type Wire, bag, list, text } from "./wire.ts";

const ends = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** Items that are calls of the provider's tools, by what each is charged as. */
const pieces: ReadonlyMap<unknown, string> = new Map([
  ["web_search_call", "webSearch"],
  ["file_search_call", "fileSearch"],
  ["image_generation_call", "imageGeneration"],
  ["code_interpreter_call", "codeInterpreterSession"],
]);

/** A page that is opened or searched through costs its tokens alone; what runs in one container is one session. */
function callOf({ type, id, action, container_id }: Bag): ToolCall[] {
  const unit = pieces.get(type);
  const isReading = /^(?:open_page|find_in_page|find)$/.test(String(bag(action)["type"]));
  return unit === undefined || isReading ? [] : [{ unit, id: container_id ?? id }];
}

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
  calls(event) {
    const whole = event["response"] ?? (text(event, "type") === undefined ? event : undefined);
    // An item says how it was used when it is done; one that is not done yet may have been charged.
    return [...list(bag(whole)["output"]), bag(event["item"])].flatMap(callOf);
  },
  repeats: ({ type, response }) => response !== undefined || /\.(?:done|added)$/.test(String(type)),
};
