import { type ProviderRequest, type Said, type Wire, bag, list, text } from "./wire.ts";

/** What a block's tool is charged as; fetches and searches of tools cost their tokens alone. */
const pieces: ReadonlyMap<unknown, string> = new Map([
  ["web_search", "webSearch"],
  ["code_execution", "codeExecution"],
  ["bash_code_execution", "codeExecution"],
  ["text_editor_code_execution", "codeExecution"],
]);

/** Vertex names the model in its path: `/publishers/anthropic/models/NAME:streamRawPredict`. */
const named = /\/models\/([^/:]+):(stream)?rawPredict$/i;

/** Anthropic's messages, there and on Vertex. */
export const anthropicMessages: Wire = {
  name: "anthropic",
  action: "llm.completion",
  errors: "anthropic",
  model: ({ url, body }: ProviderRequest) => named.exec(url.pathname)?.[1] ?? text(body, "model"),
  isStream: ({ url, body }) => body["stream"] === true || named.exec(url.pathname)?.[2] !== undefined,
  limitAt: () => ["max_tokens"],
  toolNames: (tool) => [text(tool, "name") ?? ""],
  read(event): Said {
    switch (event["type"]) {
      case "message_start":
        return { usage: bag(event["message"])["usage"] };
      case "message_delta":
        return { usage: event["usage"], isDone: text(bag(event["delta"]), "stop_reason") !== undefined };
      case "message_stop":
        return { isDone: true, isLast: true };
      case "message":
        return { usage: event["usage"], isDone: true };
      case "error":
        return { isLast: true };
      default:
        return {};
    }
  },
  calls(event) {
    const blocks = event["type"] === "message" ? list(event["content"]) : [bag(event["content_block"])];
    return blocks.flatMap(({ type, name, id }) => {
      const unit = type === "server_tool_use" ? pieces.get(name) : undefined;
      return unit === undefined ? [] : [{ unit, id }];
    });
  },
  repeats: ({ type }) => type === "message_start",
};

/** A batch of messages, whose answers come later. */
export const anthropicBatches: Wire = {
  ...anthropicMessages,
  name: "anthropic-batches",
  model: ({ body }) => text(bag(list(body["requests"])[0]?.["params"]), "model"),
  isStream: () => false,
  isDetached: () => true,
  parts: (body) => list(body["requests"]).map(({ params }) => bag(params)),
};
