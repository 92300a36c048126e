import type { DeniedError } from "@imprest/core";
import { denialOf } from "@imprest/llm";
import type { OpenAI } from "openai";

interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export interface AgentOptions {
  /** A client like any other: what guards it is its `fetch`. */
  readonly openai: OpenAI;
  readonly models: { readonly large: string; readonly small: string };
  readonly mostSteps: number;
  /** Called after each call. @returns whether the money nears its end. */
  readonly onStep: (number: number, model: string, streamed: boolean) => Promise<boolean>;
}

const longestAnswer = 800;
const task = "Explain, in a few sentences, how an agent should handle money. Add one thought to the ones before.";

/**
 * Asks a model again and again until the budget says no.
 * @returns the denial that stopped it, or `undefined` when it ran out of steps.
 */
export async function runAgent({ openai, models, mostSteps, onStep }: AgentOptions): Promise<DeniedError | undefined> {
  const messages: Message[] = [{ role: "user", content: task }];
  let model = models.large;
  for (let number = 1; number <= mostSteps; number += 1) {
    const streamed = number % 2 === 0;
    const request = { model, messages, max_completion_tokens: longestAnswer };
    let text = "";
    try {
      if (streamed) {
        const stream = await openai.chat.completions.create({ ...request, stream: true });
        for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
      } else {
        const { choices } = await openai.chat.completions.create(request);
        text = choices[0]?.message.content ?? "";
      }
    } catch (error) {
      const denial = denialOf(error);
      if (denial) return denial;
      throw error;
    }
    // A cheaper model goes further.
    if (await onStep(number, model, streamed)) model = models.small;
    messages.push({ role: "assistant", content: text.slice(0, 200) }, { role: "user", content: "Go on." });
  }
  return undefined;
}
