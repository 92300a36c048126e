import { type Bag, type ProviderRequest, type Said, type ToolCall, type Wire, bag, list, text } from "./wire.ts";

const named = /\/(?:models|tunedModels|endpoints)\/([^/:]+):\w+$/;

function geminiModel({ url }: ProviderRequest): string | undefined {
  const [, name] = named.exec(url.pathname) ?? [];
  return name === undefined ? undefined : decodeURIComponent(name);
}

/** `generationConfig`; Python's SDK and REST's users write it with an underscore too. */
function settings(body: Bag): string {
  return "generation_config" in body ? "generation_config" : "generationConfig";
}

/** Models that are charged for a prompt that was answered with searches, and not for each search. */
const byPrompt = /gemini-[12]/;

/** The searches that answers are grounded on. */
function groundings(event: Bag): readonly ToolCall[] {
  const isByPrompt = byPrompt.test(text(event, "modelVersion") ?? "");
  return list(event["candidates"]).flatMap(({ groundingMetadata }) => {
    const { webSearchQueries, groundingChunks } = bag(groundingMetadata);
    const queries: readonly unknown[] = Array.isArray(webSearchQueries) ? webSearchQueries : [];
    const places = list(groundingChunks).filter(({ maps }) => maps !== undefined);
    return [
      ...queries.map((query) => ({ unit: "webSearch", id: isByPrompt ? "prompt" : query })),
      ...places.map(() => ({ unit: "mapsGrounding", id: "prompt" })),
    ];
  });
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
  calls: groundings,
  hidesCalls: ({ tools }) => list(tools).some((tool) => Object.keys(tool).some((name) => !name.startsWith("function"))),
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
