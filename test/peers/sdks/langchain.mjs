import { ChatOpenAI } from "@langchain/openai";

const connect = ({ fetch, model, maxTokens }) =>
  new ChatOpenAI({ model, maxTokens, apiKey: "test", configuration: { fetch } });

export const sdks = [
  {
    name: "@langchain/openai",
    model: "gpt-5.6",
    ask: async (call) => (await connect(call).invoke(call.prompt, { signal: call.signal })).text,
    async *stream(call) {
      for await (const chunk of await connect(call).stream(call.prompt, { signal: call.signal })) yield chunk.text;
    },
    also: {
      async "a tool call, then its result"(call) {
        call.provider.next({ toolCalls: [{ name: "look", input: { at: "it" } }] });
        const schema = { type: "object", properties: { at: { type: "string" } } };
        const model = connect(call).bindTools([{ type: "function", function: { name: "look", parameters: schema } }]);
        const asked = await model.invoke(call.prompt);
        const [{ id }] = asked.tool_calls;
        await model.invoke([["user", call.prompt], asked, { role: "tool", content: "seen", tool_call_id: id }]);
      },
    },
  },
];
