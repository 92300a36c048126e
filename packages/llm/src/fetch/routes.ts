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

/**
 * What is posted and costs nothing, each by its whole resource: another one's `files` may be storage that is charged. What is not
 * here is refused: batches, vector stores, containers, fine-tuning, videos, speech.
 */
const free: readonly RegExp[] = [
  // Counts tokens, and answers nothing.
  /\/(?:count_tokens|input_tokens|tokenize|detokenize)$|:(?:countTokens|computeTokens)$/,
  // A file is charged where a request names it; one in a container with that container.
  /(?:\/v\d\w*|\/openai|\/containers\/[^/]+)\/files$|(?:\/v\d\w*|\/openai)\/uploads(?:\/[^/]+\/(?:parts|complete))?$/,
  // OpenAI's classifier.
  /(?<!\/chat)\/moderations$/,
  // Ends work that is charged where it began.
  /[/:]cancel$/,
  // Gives a credential.
  /\/oauth2?\/token$/,
];

/** Moderates for money, by the token. */
const pricedModeration = /(?:^|\.)mistral\.ai$/;

function isFree({ hostname, pathname }: URL): boolean {
  const path = pathname.replace(/\/+$/, "");
  if (path.endsWith("/moderations") && pricedModeration.test(hostname)) return false;
  return free.some((pattern) => pattern.test(path));
}

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
  if (isFree(url)) return "free";
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
