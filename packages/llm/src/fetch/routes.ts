import { aiGateway, aiGatewayEmbeddings } from "./wires/ai-gateway.ts";
import { anthropicBatches, anthropicMessages } from "./wires/anthropic.ts";
import { geminiBatches, geminiEmbed, geminiGenerate } from "./wires/gemini.ts";
import { openAiChat } from "./wires/openai-chat.ts";
import { openAiEmbeddings, openAiImages, openAiTranscriptions } from "./wires/openai-media.ts";
import { openAiResponses } from "./wires/openai-responses.ts";
import type { ErrorForm, Wire } from "./wires/wire.ts";

/** What is charged, by the end of its path: the host may be a provider, a gateway or a proxy. */
const priced: readonly (readonly [RegExp, Wire])[] = [
  [/\/(?:chat\/)?completions$/, openAiChat],
  [/\/responses(?:\/compact)?$/, openAiResponses],
  [/\/embeddings$/, openAiEmbeddings],
  [/\/images\/(?:generations|edits|variations)$/, openAiImages],
  [/\/audio\/(?:transcriptions|translations)$/, openAiTranscriptions],
  [/\/messages$/, anthropicMessages],
  [/\/publishers\/anthropic\/models\/[^/]+:(?:raw|streamRaw)Predict$/, anthropicMessages],
  [/\/messages\/batches$/, anthropicBatches],
  [/:(?:generateContent|streamGenerateContent)$/, geminiGenerate],
  [/:(?:embedContent|batchEmbedContents)$/, geminiEmbed],
  [/:(?:batchGenerateContent|asyncBatchEmbedContent)$/, geminiBatches],
  [/\/language-model$/, aiGateway],
  [/\/embedding-model$/, aiGatewayEmbeddings],
];

/** What providers do for nothing although it is posted. Storage and training are not among it. */
const free =
  /\/(?:count_tokens|input_tokens|moderations|files|uploads|tokenize|detokenize)$|:(?:countTokens|computeTokens)$|[/:]cancel$|\/uploads\/[^/]+\/(?:parts|complete)$|\/oauth2?\/token$/;

/** Reading what is there costs nothing, and neither does deleting it. */
const freeMethods = /^(?:GET|HEAD|OPTIONS|DELETE)$/;

/** Where a request goes: to what is free, to what a wire prices, or to what nothing is known of. */
export type Route = "free" | "unknown" | Wire;

/** Recognises a request by its method and the end of its path. */
export function routeOf(method: string, url: URL): Route {
  const path = url.pathname.replace(/\/+$/, "");
  if (freeMethods.test(method) || free.test(path)) return "free";
  return priced.find(([pattern]) => pattern.test(path))?.[1] ?? "unknown";
}

/** The form of errors where no wire says one, by what the path or the host looks like. */
export function errorFormOf({ hostname, pathname }: URL): ErrorForm {
  if (hostname.endsWith("googleapis.com") || /:\w+$/.test(pathname)) return "google";
  return /anthropic|\/messages\b/.test(hostname + pathname) ? "anthropic" : "openai";
}
