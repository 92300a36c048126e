import { anthropicMessages } from "./anthropic.ts";
import { gemini, geminiEmbeddings } from "./gemini.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiEmbeddings } from "./openai-embeddings.ts";
import { openaiImages } from "./openai-images.ts";
import { openaiResponses } from "./openai-responses.ts";
import type { Wire } from "./wire.ts";

const wires: readonly Wire[] = [
  openaiChat,
  openaiResponses,
  openaiEmbeddings,
  openaiImages,
  anthropicMessages,
  gemini,
  geminiEmbeddings,
];

/** The wire that a request speaks. */
export function wireFor({ method, path }: { readonly method: string; readonly path: string }): Wire | undefined {
  return method === "POST" ? wires.find((wire) => wire.path.test(path)) : undefined;
}
