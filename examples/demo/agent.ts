import { type Amount, DeniedError, type Settlement, capped } from "@imprest/core";
import { type CyclesAuthority, guard, guardStream } from "@imprest/cycles";
import { OpenAI } from "openai";
import { prices } from "./prices.ts";

interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}
type Messages = Message[];

/** What one call came to, for whoever shows it. */
export interface Step {
  readonly number: number;
  readonly model: string;
  readonly streamed: boolean;
  readonly estimate: Amount;
  readonly settlement: Settlement;
  readonly capped: boolean;
}

export interface AgentOptions {
  readonly openai: OpenAI;
  readonly authority: CyclesAuthority;
  readonly models: { readonly large: string; readonly small: string };
  /** A pause between the calls of a real provider is its own; the demo's endpoint needs none. */
  readonly mostSteps: number;
  readonly onStep: (step: Step) => void | Promise<void>;
}

const longestAnswer = 800;
const task = "Explain, in a few sentences, how an agent should handle money. Add one thought to the ones before.";

/**
 * Asks a model again and again, each call inside a reservation, until the authority says no.
 * @returns the denial that stopped it, or `undefined` when it ran out of steps.
 */
export async function runAgent({
  openai,
  authority,
  models,
  mostSteps,
  onStep,
}: AgentOptions): Promise<DeniedError | undefined> {
  const messages: Messages = [{ role: "user", content: task }];
  let model = models.large;
  let settlement: Settlement | undefined;
  let underCaps = false;

  const estimateOf = (asked: Messages): Amount =>
    prices.estimate(model, { inputTokens: countTokens(asked), maxOutputTokens: longestAnswer });
  const request = (asked: Messages) => ({
    estimate: estimateOf(asked),
    action: { kind: "llm.completion", name: model, tags: ["demo"] },
  });
  const limit = (caps: Parameters<typeof capped>[0]): number => {
    underCaps = caps.length > 0;
    return capped(caps, "max_tokens", longestAnswer);
  };
  const options = {
    honours: ["max_tokens"],
    onSettlement: (told: Settlement) => (settlement = told),
    spend: ({ usage }: { readonly usage?: OpenAI.CompletionUsage | null | undefined }) =>
      usage && prices.price(model, usage),
    unspent: isRefusal,
    partial: "estimate", // any other failure may have been billed
  } as const;

  const ask = guard(
    authority,
    request,
    ({ caps, signal }, asked: Messages) =>
      openai.chat.completions.create(
        { model, messages: asked, max_completion_tokens: limit(caps) },
        { signal, maxRetries: 0 },
      ),
    options,
  );

  const askStreaming = guardStream(
    authority,
    request,
    ({ caps, signal }, asked: Messages) =>
      openai.chat.completions.create(
        {
          model,
          messages: asked,
          max_completion_tokens: limit(caps),
          stream: true,
          stream_options: { include_usage: true },
        },
        { signal, maxRetries: 0 },
      ),
    options,
  );

  for (let number = 1; number <= mostSteps; number += 1) {
    const estimate = estimateOf(messages);
    const streamed = number % 2 === 0;
    const used = model;
    let text = "";
    try {
      if (streamed) {
        for await (const chunk of askStreaming(messages)) text += chunk.choices[0]?.delta?.content ?? "";
      } else {
        text = (await ask(messages)).choices[0]?.message.content ?? "";
      }
    } catch (error) {
      if (DeniedError.isInstance(error)) return error;
      throw error;
    }
    if (settlement === undefined) throw new Error("A guarded call ended without a settlement.");
    await onStep({ number, model: used, streamed, estimate, settlement, capped: underCaps });
    // Caps are the authority's hint that the budget nears its end: a cheaper model goes further.
    if (underCaps) model = models.small;
    messages.push({ role: "assistant", content: text.slice(0, 200) }, { role: "user", content: "Go on." });
  }
  return undefined;
}

/** The provider refused before it worked: it bills nothing for these. */
function isRefusal(error: unknown): boolean {
  return error instanceof OpenAI.APIError && [400, 401, 403, 404, 422, 429].includes(Number(error.status));
}

/** An estimate may be generous, never too low: a token is taken for three characters. */
function countTokens(messages: Messages): number {
  return messages.reduce((sum, { content }) => sum + Math.ceil(content.length / 3) + 8, 8);
}
