import { HostCalls, type ModelBudget } from "@imprest/llm/internal";
import { answered, asked, imageUsage } from "./answers.ts";
import { hostCall, underCaps } from "./calls.ts";
import type { BudgetMiddleware } from "./host.ts";
import { readAhead } from "./read-ahead.ts";

/**
 * A middleware that reserves before each call of a model, every attempt and every step of a tool loop, and settles by its
 * usage. The authority's caps lower `maxOutputTokens` and remove tools. Where the provider has `budget.fetch` too, that one
 * settles, and the money is held once. A stream is read to its end whether its reader stays or not: the AI SDK does not
 * cancel it, and the provider bills it.
 * @returns a middleware whose calls reject with DeniedError where nothing may be sent; the AI SDK does not try again.
 * @example
 * const model = wrapLanguageModel({ model: openai("gpt-5"), middleware: budgetMiddleware(budget) });
 * const { text } = await generateText({ model, prompt: "Tell me more." });
 */
export function budgetMiddleware(budget: ModelBudget): BudgetMiddleware {
  const calls = new HostCalls("ai-sdk", budget);
  return {
    specificationVersion: "v3",
    async wrapGenerate({ params, model }) {
      const isImage = !("prompt" in params && Array.isArray(params.prompt));
      const call = await calls.open(isImage ? "image" : "completion", hostCall(params, model));
      const answer = await asked(call, () => model.doGenerate(underCaps(params, call)));
      await answered(call, answer, isImage ? imageUsage(params, answer) : answer);
      return answer;
    },
    async wrapStream({ params, model }) {
      const call = await calls.open("completion", hostCall(params, model));
      const answer = await asked(call, () => model.doStream(underCaps(params, call)));
      return { ...answer, stream: readAhead(answer.stream, call) };
    },
    async wrapEmbed({ params, model }) {
      const call = await calls.open("embedding", hostCall(params, model));
      const answer = await asked(call, () => model.doEmbed(underCaps(params, call)));
      await answered(call, answer, answer);
      return answer;
    },
  };
}
