import type { Outgoing } from "./outgoing.ts";
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

/** Headers with which a server takes a request for one of another method. */
const overrides = ["x-http-method-override", "x-http-method", "x-method-override"];

/** Where a request goes: to what is free, to what a wire prices, or to what nothing is known of. */
export type Route = "free" | "unknown" | Wire;

/**
 * Recognises a request by its method and the end of its path. No method is free that says it is another one, nor one that
 * brings a body to where posting is charged.
 */
export function routeOf({ method, url, headers, body }: Pick<Outgoing, "method" | "url" | "headers" | "body">): Route {
  const path = url.pathname.replace(/\/+$/, "");
  if (free.test(path)) return "free";
  const wire = priced.find(([pattern]) => pattern.test(path))?.[1];
  const isOverridden = overrides.some((name) => headers.has(name)) || url.searchParams.has("_method");
  const hasBody = body !== undefined && body !== null && wire !== undefined;
  return freeMethods.test(method) && !isOverridden && !hasBody ? "free" : (wire ?? "unknown");
}

/** The form of errors where no wire says one, by what the path or the host looks like. */
export function errorFormOf({ hostname, pathname }: URL): ErrorForm {
  if (hostname.endsWith("googleapis.com") || /:\w+$/.test(pathname)) return "google";
  return /anthropic|\/messages\b/.test(hostname + pathname) ? "anthropic" : "openai";
}
