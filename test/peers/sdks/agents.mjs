import { Agent, OpenAIProvider, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";

const connect = ({ fetch, model, maxTokens, tools = [] }) => {
  const modelProvider = new OpenAIProvider({ openAIClient: new OpenAI({ apiKey: "test", fetch }) });
  const runner = new Runner({ modelProvider, tracingDisabled: true });
  return { runner, agent: new Agent({ name: "agent", model, tools, modelSettings: { maxTokens } }) };
};

export const sdks = [
  {
    name: "@openai/agents",
    model: "gpt-5.6",
    async ask(call) {
      const { runner, agent } = connect(call);
      return (await runner.run(agent, call.prompt, { signal: call.signal })).finalOutput;
    },
    async *stream(call) {
      const { runner, agent } = connect(call);
      const result = await runner.run(agent, call.prompt, { stream: true, signal: call.signal });
      for await (const text of result.toTextStream()) yield text;
      await result.completed;
    },
    also: {
      async "two steps of an agent with a tool"(call) {
        call.provider.next({ toolCalls: [{ name: "look", input: { at: "it" } }] });
        const parameters = z.object({ at: z.string() });
        const look = tool({ name: "look", description: "Looks.", parameters, execute: () => "seen" });
        const { runner, agent } = connect({ ...call, tools: [look] });
        await runner.run(agent, call.prompt);
        if (call.provider.calls.length !== 2) throw new Error(`${call.provider.calls.length} steps`);
      },
    },
  },
];
