import { type Bag, type ProviderRequest, type Said, type Wire, bag, list, text } from "./wire.ts";

const named = /\/(?:models|tunedModels|endpoints)\/([^/:]+):\w+$/;

function geminiModel({ url }: ProviderRequest): string | undefined {
  const [, name] = named.exec(url.pathname) ?? [];
  return name === undefined ? undefined : decodeURIComponent(name);
}

/** `generationConfig`; Python's SDK and REST's users write it with an underscore too. */
function settings(body: Bag): string {
  return "generation_config" in body ? "generation_config" : "generationConfig";
}

/** Gemini's `generateContent` and `streamGenerateContent`, in the Gemini API and on Vertex. */
export const geminiGenerate: Wire = {
  name: "gemini",
  action: "llm.completion",
  errors: "google",
  model: geminiModel,
  isStream: ({ url }) => url.pathname.endsWith(":streamGenerateContent"),
  limitAt(body) {
    const name = settings(body);
    return [name, "max_output_tokens" in bag(body[name]) ? "max_output_tokens" : "maxOutputTokens"];
  },
  toolNames(tool) {
    const functions = list(tool["functionDeclarations"] ?? tool["function_declarations"]);
    return functions.length > 0 ? functions.map((one) => text(one, "name") ?? "") : Object.keys(tool);
  },
  read(event): Said {
    const ended = list(event["candidates"]).filter((candidate) => text(candidate, "finishReason") !== undefined);
    const isBlocked = text(bag(event["promptFeedback"]), "blockReason") !== undefined;
    return { usage: event["usageMetadata"], isDone: isBlocked, ended: ended.map(({ index }) => index ?? 0) };
  },
};

/** Gemini's embeddings, of one text or several. */
export const geminiEmbed: Wire = {
  name: "gemini-embeddings",
  action: "llm.embedding",
  errors: "google",
  model: geminiModel,
  isStream: () => false,
  read: (answer): Said => ({ usage: answer["usageMetadata"], isDone: true }),
};

/** A batch, whose answers come later. */
export const geminiBatches: Wire = {
  ...geminiEmbed,
  name: "gemini-batches",
  action: "llm.completion",
  isDetached: () => true,
  parts(body) {
    const { requests } = bag(bag(bag(body["batch"])["inputConfig"] ?? bag(body["batch"])["input_config"])["requests"]);
    return Array.isArray(requests) ? list(requests).map(({ request }) => bag(request)) : undefined;
  },
};
