import { isEmbedding, isNested, readEmbedding, readNested, withRaw } from "./ai-sdk.ts";
import { isAnthropic, readAnthropic } from "./anthropic.ts";
import { isCohere, readCohere } from "./cohere.ts";
import { isInteraction, readInteraction } from "./gemini-interactions.ts";
import { isGemini, readGemini } from "./gemini.ts";
import { isLangChain, readLangChain } from "./langchain.ts";
import { Members, unreadable } from "./members.ts";
import { isAgents, readAgents } from "./openai-agents.ts";
import { isChat, readChat } from "./openai-chat.ts";
import { isResponses, readResponses } from "./openai-responses.ts";
import { isOwn, readOwn } from "./own.ts";
import { isDuration, isPages, readDuration, readPages } from "./pieces.ts";
import type { Reader, Reading } from "./reading.ts";
import { statedCost } from "./stated-cost.ts";
import type { RequestUsage, TokenCounts, UnitCounts, Usage } from "./usage.ts";

/** Which wire it is shows in the names; the first that fits reads, the more particular before the more general. */
const readers: readonly (readonly [(usage: Members) => boolean, Reader])[] = [
  [isCohere, readCohere],
  [isOwn, readOwn],
  [isChat, readChat],
  [isNested, readNested],
  [isAgents, readAgents],
  [isAnthropic, readAnthropic],
  [isLangChain, readLangChain],
  [isResponses, readResponses],
  [isGemini, readGemini],
  [isInteraction, readInteraction],
  [isEmbedding, readEmbedding],
  [isDuration, readDuration],
  [isPages, readPages],
];

/**
 * Reads what a provider or an SDK says that a call used: OpenAI (chat, responses, embeddings, images, transcription,
 * realtime) and what is compatible, Anthropic, Gemini, Bedrock Converse, Cohere, Mistral, the AI SDK 4 to 7, LangChain,
 * OpenAI Agents. Nothing of those packages is imported.
 * @throws ValidationError naming the member, for a count that is missing or no whole number, and for a number under a
 *   name that is not known: it may be something that is charged.
 * @example
 * readUsage({ prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 }).tokens; // { input: 10, output: 2 }
 */
export function readUsage(value: unknown): Usage {
  const usage = new Members(value);
  const reading = read(usage);
  if (reading === undefined) throw unreadable(usage.pointer, "is no usage object with known token counts");
  usage.refuseUnread();
  const stated = statedCost(value);
  const whole = requestOf(reading);
  return {
    ...whole,
    terms: reading.terms ?? {},
    requests: (reading.requests ?? [whole]).map(requestOf),
    ...(stated !== undefined && { statedCost: stated }),
  };
}

function read(usage: Members): Reading | undefined {
  const own = readers.find(([fits]) => fits(usage))?.[1](usage);
  if (own === undefined || !usage.isObject("raw")) return own;
  const raw = usage.at("raw");
  return withRaw(own, raw, read(raw));
}

function requestOf({ tokens = {}, units = {}, model }: Partial<RequestUsage>): RequestUsage {
  const above = <Counts extends TokenCounts | UnitCounts>(counts: Counts): Counts =>
    Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)) as Counts;
  return { ...(model !== undefined && { model }), tokens: above(tokens), units: above(units) };
}
