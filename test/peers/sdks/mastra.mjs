import { createOpenAI } from "@ai-sdk/openai";
import { Agent } from "@mastra/core/agent";
import { noopLogger } from "@mastra/core/logger";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";

const connect = ({ fetch, model: name, tools = {} }) => {
  const model = createOpenAI({ apiKey: "test", fetch })(name);
  const agent = new Agent({ id: "agent", name: "agent", instructions: "Answer.", model, tools });
  agent.__setLogger(noopLogger);
  return agent;
};

const options = ({ signal, maxTokens }) => ({ abortSignal: signal, modelSettings: { maxOutputTokens: maxTokens } });

export const sdks = [
  {
    name: "@mastra/core",
    model: "gpt-5.6",
    ask: async (call) => (await connect(call).generate(call.prompt, options(call))).text,
    async *stream(call) {
      const result = await connect(call).stream(call.prompt, options(call));
      for await (const chunk of result.fullStream) {
        if (chunk.type === "text-delta") yield chunk.payload.text;
        if (chunk.type === "error") throw chunk.payload.error;
        if (chunk.type === "abort") throw call.signal.reason;
      }
    },
    also: {
      async "two steps of an agent with a tool"(call) {
        call.provider.next({ toolCalls: [{ name: "look", input: { at: "it" } }] });
        const inputSchema = z.object({ at: z.string() });
        const look = createTool({ id: "look", description: "Looks.", inputSchema, execute: async () => "seen" });
        await connect({ ...call, tools: { look } }).generate(call.prompt, options(call));
        if (call.provider.calls.length !== 2) throw new Error(`${call.provider.calls.length} steps`);
      },
    },
  },
];
