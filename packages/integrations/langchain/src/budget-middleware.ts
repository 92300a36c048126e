import type { DeniedError } from "@imprest/core";
import { denialOf } from "@imprest/llm";
import { type AdaptedCall, HostCalls, type ModelBudget } from "@imprest/llm/internal";
import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { type AgentMiddleware, createMiddleware } from "langchain";
import { type ModelRequest, answerOf, hostCall, underCaps } from "./calls.ts";

/** How a middleware answers for the budget. */
export interface BudgetMiddlewareOptions {
  /**
   * What a denied call becomes: `"throw"` (the default) rejects with the denial, within LangChain's `MiddlewareError`;
   * `"end"` ends the agent with the denial as its last message, as LangChain's own limits do.
   */
  readonly onDenied?: "end" | "throw" | undefined;
}

/**
 * A middleware for `createAgent` that reserves before each call of the model and settles by its usage. The authority's caps
 * lower the limit of the answer and remove tools. Where the model has `budget.fetch` too, that one settles, attempt by
 * attempt, and the money is held once. Without it, the attempts that the model makes by itself are one call: give the model
 * `maxRetries: 0`.
 * @example
 * const agent = createAgent({ model, tools, middleware: [budgetMiddleware(budget, { onDenied: "end" })] });
 * const { messages } = await agent.invoke({ messages: [{ role: "user", content: "Look around." }] });
 */
export function budgetMiddleware(
  budget: ModelBudget,
  { onDenied = "throw" }: BudgetMiddlewareOptions = {},
): AgentMiddleware {
  const calls = new HostCalls("langchain", budget);
  /** @throws `error`, unless it is a denial that ends the agent. */
  const said = <Message>(error: unknown, message: (denial: DeniedError) => Message): Message => {
    const denial = onDenied === "end" ? denialOf(error) : undefined;
    if (denial === undefined) throw error;
    return message(denial);
  };
  return createMiddleware({
    name: "BudgetMiddleware",
    async wrapModelCall(request, handler) {
      const asked: ModelRequest = request;
      let call: AdaptedCall | undefined;
      try {
        call = await calls.open("completion", hostCall(asked));
        const answer = await handler({ ...request, ...underCaps(asked, call) });
        await call.answered(answerOf(answer));
        return answer;
      } catch (error) {
        await call?.failed(error, false);
        return said(error, endingWith);
      }
    },
    async wrapToolCall(request, handler) {
      try {
        return await handler(request);
      } catch (error) {
        // A tool that spends is guarded by itself; its model gets the denial, and is denied in its turn.
        const { id = "", name } = request.toolCall;
        return said(
          error,
          ({ message: content }) => new ToolMessage({ content, name, tool_call_id: id, status: "error" }),
        );
      }
    },
  });
}

/** A message without a call of a tool ends an agent. */
function endingWith({ message, reasonCode }: DeniedError): AIMessage {
  return new AIMessage({
    content: message,
    response_metadata: { finish_reason: "budget_denied", reason_code: reasonCode },
  });
}
