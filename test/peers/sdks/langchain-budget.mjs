import { ChatOpenAI } from "@langchain/openai";
import { createAgent, tool } from "langchain";
import { z } from "zod";

/** The middleware of `@imprest/langchain`, over a guarded fetch or alone: the model's own retries are not its calls then. */
const sdk = (name, isAlone) => {
  const connect = ({ adapters, bare, fetch, model, maxTokens, tools = [], system }) => {
    const configuration = { fetch: isAlone ? bare : fetch };
    const retries = isAlone ? { maxRetries: 0 } : {};
    const chat = new ChatOpenAI({
      model,
      maxTokens,
      useResponsesApi: false,
      apiKey: "test",
      configuration,
      ...retries,
    });
    const systemPrompt = system === undefined ? {} : { systemPrompt: system };
    return createAgent({ model: chat, tools, middleware: [adapters.langchain], ...systemPrompt });
  };
  const input = (content) => ({ messages: [{ role: "user", content }] });
  const schema = z.object({ at: z.string() });
  return {
    name,
    model: "grok-5",
    isAlone,
    ask: async (call) => (await connect(call).invoke(input(call.prompt), { signal: call.signal })).messages.at(-1).text,
    async *stream(call) {
      const chunks = await connect(call).stream(input(call.prompt), { signal: call.signal, streamMode: "messages" });
      for await (const [message] of chunks) yield message.text;
    },
    turn: async (call) => (await connect(call).invoke({ messages: call.messages })).messages.at(-1).text,
    also: {
      async "three steps of an agent with a tool"(call) {
        const toolCalls = [{ name: "look", input: { at: "it" } }];
        call.provider.next({ toolCalls }, { toolCalls, reasoningTokens: 20 });
        const look = tool(() => "seen", { name: "look", description: "Looks.", schema });
        await connect({ ...call, tools: [look] }).invoke(input(call.prompt));
        if (call.provider.calls.length !== 3) throw new Error(`${call.provider.calls.length} steps`);
      },
      async "a sub-agent within an agent"(call) {
        call.provider.next({ toolCalls: [{ name: "ask", input: { at: "it" } }] });
        const asked = async () => (await connect(call).invoke(input(call.prompt))).messages.at(-1).text;
        const ask = tool(asked, { name: "ask", description: "Asks.", schema });
        await connect({ ...call, tools: [ask] }).invoke(input(call.prompt));
        if (call.provider.calls.length !== 3) throw new Error(`${call.provider.calls.length} calls`);
      },
    },
  };
};

export const sdks = [sdk("@imprest/langchain", false), sdk("@imprest/langchain alone", true)];
