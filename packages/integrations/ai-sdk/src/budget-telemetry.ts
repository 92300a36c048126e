import { DeniedError } from "@imprest/core";
import { HostCalls, type ModelBudget } from "@imprest/llm/internal";
import { answered, asked } from "./answers.ts";
import { hostCall } from "./calls.ts";
import type { BudgetTelemetry } from "./host.ts";
import { readAhead } from "./read-ahead.ts";

/** What the provider of models is called that are named by a string: Vercel's gateway. */
const gateway = "gateway";

/**
 * A telemetry integration of the AI SDK 7 that guards `generateText` and `streamText` with a model named by a string, all over
 * an application. It sees no embeddings, images and objects, and cannot apply caps: a call under caps is denied. Its bound
 * knows neither the schema of an output nor provider options. Where the default provider is guarded by itself, it must not
 * be registered too: each would hold the money.
 * @example
 * registerTelemetry(budgetTelemetry(budget));
 * const { text } = await generateText({ model: "openai/gpt-5", prompt: "Tell me more." });
 */
export function budgetTelemetry(budget: ModelBudget): BudgetTelemetry {
  const calls = new HostCalls("ai-sdk", budget);
  return {
    async executeLanguageModelCall({
      execute,
      callId: _callId,
      provider,
      modelId = "",
      instructions,
      messages,
      ...others
    }) {
      if (provider !== gateway) return execute();
      const prompt = [{ role: "system", content: instructions }, ...(messages ?? [])];
      const call = await calls.open("completion", hostCall({ ...others, prompt } as object, { provider, modelId }));
      if (call.isCapped) {
        const denial = new DeniedError(
          "The authority allows this only under caps, which no telemetry integration can apply; use budgetMiddleware.",
          { reasonCode: "CAPS_NOT_HONOURED" },
        );
        await call.failed(denial, true);
        throw denial;
      }
      const answer = await asked(call, execute);
      if (hasStream(answer)) return { ...answer, stream: readAhead(answer.stream, call) };
      await answered(call, answer as object, answer as { readonly usage?: unknown });
      return answer;
    },
  };
}

function hasStream<Answer>(answer: Answer): answer is Answer & { readonly stream: ReadableStream } {
  return typeof answer === "object" && answer !== null && "stream" in answer;
}
