import { openAiModel, openAiUsage } from "./openai-chat.ts";
import { type Bag, type Said, type Wire, list, text } from "./wire.ts";

/** Embeddings of OpenAI and of what is compatible. */
export const openAiEmbeddings: Wire = {
  name: "openai-embeddings",
  action: "llm.embedding",
  errors: "openai",
  model: openAiModel,
  isStream: () => false,
  read: (answer): Said => ({ usage: openAiUsage(answer), isDone: true }),
};

/** Images: models that state tokens are charged by them, the others by the image. */
export const openAiImages: Wire = {
  ...openAiEmbeddings,
  name: "openai-images",
  action: "llm.image",
  isStream: ({ body }) => String(body["stream"]) === "true",
  statesUsageByAnswer: true,
  read: readTyped,
  units(body, answer) {
    const stated = Number(body["n"] ?? 1);
    const asked = Number.isSafeInteger(stated) && stated > 0 ? stated : 1;
    return { [imageUnit(body)]: answer === undefined ? asked : Math.max(asked, list(answer["data"]).length) };
  },
};

/** What costs no more than a plain image. */
const plainQualities = ["", "auto", "standard"];
const plainSizes = ["", "auto", "256x256", "512x512", "1024x1024"];

/** The unit that a price is for: an image, or one of another quality or size, `image-hd-1792x1024`, which costs more. */
function imageUnit(body: Bag): string {
  const [quality, size] = [text(body, "quality") ?? "", text(body, "size") ?? ""];
  const dearer = [plainQualities.includes(quality) ? "" : quality, plainSizes.includes(size) ? "" : size];
  return ["image", ...dearer.filter((word) => word !== "")].join("-");
}

/** Transcriptions and translations, which state tokens or seconds. */
export const openAiTranscriptions: Wire = {
  ...openAiImages,
  statesUsageByAnswer: false,
  name: "openai-transcriptions",
  action: "llm.transcription",
  units: () => undefined,
};

/** `image_generation.completed` and `transcript.text.done` bring the usage; an answer that comes whole has no type. */
function readTyped(event: Bag): Said {
  const usage = openAiUsage(event);
  const type = text(event, "type");
  if (type === undefined) return { usage, isDone: true, isLast: true };
  // Each image of several has an event, and a usage of its own.
  return { usage, ended: type.endsWith(".completed") || type.endsWith(".done") ? [event] : [] };
}
