import type { DeniedError } from "@imprest/core";
import { denialOf } from "@imprest/llm";

interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export interface AgentOptions {
  /** What guards the agent is its `fetch`, as it is for the SDK of a provider. */
  readonly fetch: typeof fetch;
  readonly models: { readonly large: string; readonly small: string };
  readonly signal: AbortSignal;
  /** Called after each call. @returns whether the money nears its end. */
  readonly onStep: (number: number, model: string, isStreamed: boolean) => Promise<boolean>;
}

const url = "https://models.example/v1/chat/completions";
const mostSteps = 100;
const longestAnswer = 800;
const task = "Explain, in a few sentences, how an agent should handle money. Add one thought to the ones before.";

/**
 * Asks a model again and again until the budget refuses.
 * @returns the denial that stopped it, or `undefined` when it ran out of steps.
 */
export async function runAgent({ fetch, models, signal, onStep }: AgentOptions): Promise<DeniedError | undefined> {
  const messages: Message[] = [{ role: "user", content: task }];
  let model = models.large;
  for (let number = 1; number <= mostSteps; number += 1) {
    const stream = number % 2 === 0;
    const body = JSON.stringify({ model, messages, stream, max_completion_tokens: longestAnswer });
    const response = await fetch(url, { method: "POST", body, signal });
    const text = await response.text();
    if (!response.ok) {
      const error = Object.assign(new Error(text), { status: response.status, error: JSON.parse(text) as unknown });
      const denial = denialOf(error);
      if (denial) return denial;
      throw error;
    }
    // A cheaper model goes further.
    if (await onStep(number, model, stream)) model = models.small;
    const said = stream ? streamed(text) : whole(JSON.parse(text));
    messages.push({ role: "assistant", content: said.slice(0, 200) }, { role: "user", content: "Go on." });
  }
  return undefined;
}

interface Choices {
  readonly choices?: readonly {
    readonly message?: { readonly content?: string };
    readonly delta?: { readonly content?: string };
  }[];
}

function whole(answer: unknown): string {
  return (answer as Choices).choices?.[0]?.message?.content ?? "";
}

/** The text of a stream of events. */
function streamed(events: string): string {
  const chunks = Array.from(events.matchAll(/^data: (\{.*)$/gm), ([, json = ""]) => JSON.parse(json) as Choices);
  return chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? "").join("");
}
