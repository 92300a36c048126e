import { ChatOpenAI } from "@langchain/openai";

const schema = { type: "object", properties: { at: { type: "string" } } };
const tools = [{ type: "function", function: { name: "look", parameters: schema } }];

/** LangChain speaks two wires, by the model's name where it is not said. */
const sdk = (name, model, useResponsesApi) => {
  const connect = ({ fetch, maxTokens }) =>
    new ChatOpenAI({ model, useResponsesApi, maxTokens, apiKey: "test", configuration: { fetch } });
  return {
    name,
    model,
    ask: async (call) => (await connect(call).invoke(call.prompt, { signal: call.signal })).text,
    async *stream(call) {
      for await (const chunk of await connect(call).stream(call.prompt, { signal: call.signal })) yield chunk.text;
    },
    also: {
      async "a tool call, then its result"(call) {
        call.provider.next({ toolCalls: [{ name: "look", input: { at: "it" } }] });
        const bound = connect(call).bindTools(tools);
        const asked = await bound.invoke(call.prompt);
        const [{ id }] = asked.tool_calls;
        await bound.invoke([["user", call.prompt], asked, { role: "tool", content: "seen", tool_call_id: id }]);
        const [{ wire }] = call.provider.calls;
        if ((wire === "openai-responses") !== useResponsesApi) throw new Error(`spoken on ${wire}`);
      },
    },
  };
};

export const sdks = [sdk("@langchain/openai", "gpt-5.6", true), sdk("@langchain/openai chat", "grok-5", false)];
