import { generateText, stepCountIs, streamText, tool, wrapLanguageModel } from "ai-of-the-adapter";
import { createOpenAI } from "openai-of-the-adapter";
import { z } from "zod";

globalThis.AI_SDK_LOG_WARNINGS = false;

/** The middleware of `@imprest/ai-sdk`, over a guarded fetch or alone. */
const sdk = (name, isAlone) => {
  const connect = ({ adapters, bare, fetch, model }) => {
    const provider = createOpenAI({ apiKey: "test", fetch: isAlone ? bare : fetch });
    return wrapLanguageModel({ model: provider(model), middleware: adapters.aiSdk });
  };
  return {
    name,
    model: "gpt-5.6",
    isAlone,
    async ask(call) {
      const { prompt, signal, maxTokens: maxOutputTokens } = call;
      return (await generateText({ model: connect(call), prompt, maxOutputTokens, abortSignal: signal })).text;
    },
    async *stream(call) {
      const { prompt, signal, maxTokens: maxOutputTokens } = call;
      let failure;
      const onError = ({ error }) => (failure = error);
      const result = streamText({ model: connect(call), prompt, maxOutputTokens, abortSignal: signal, onError });
      for await (const part of result.fullStream) {
        if (part.type === "text-delta") yield part.text;
        if (part.type === "abort") throw signal.reason;
      }
      if (failure !== undefined) throw failure;
    },
    async turn(call) {
      const { system, messages, maxTokens: maxOutputTokens } = call;
      return (await generateText({ model: connect(call), system, messages, maxOutputTokens })).text;
    },
    also: {
      async "three steps of a tool loop"(call) {
        const toolCalls = [{ name: "look", input: { at: "it" } }];
        call.provider.next({ toolCalls }, { toolCalls, reasoningTokens: 20 });
        const look = tool({ inputSchema: z.object({ at: z.string() }), execute: () => "seen" });
        const options = { prompt: call.prompt, tools: { look }, stopWhen: stepCountIs(5), maxOutputTokens: 200 };
        const { steps } = await generateText({ model: connect(call), ...options });
        if (steps.length !== 3) throw new Error(`${steps.length} steps`);
      },
      async "a sub-agent within a tool loop"(call) {
        call.provider.next({ toolCalls: [{ name: "ask", input: { at: "it" } }] });
        const options = { prompt: call.prompt, maxOutputTokens: 200 };
        const execute = async () => (await generateText({ model: connect(call), ...options })).text;
        const ask = tool({ inputSchema: z.object({ at: z.string() }), execute });
        await generateText({ model: connect(call), ...options, tools: { ask }, stopWhen: stepCountIs(5) });
        if (call.provider.calls.length !== 3) throw new Error(`${call.provider.calls.length} calls`);
      },
      async "a reader that leaves textStream"(call) {
        call.provider.next({ outputTokens: 100, eventDelayMs: 1 });
        for await (const text of streamText({ model: connect(call), prompt: call.prompt }).textStream) {
          if (text !== "") return;
        }
      },
    },
  };
};

export const sdks = [sdk("@imprest/ai-sdk", false), sdk("@imprest/ai-sdk alone", true)];
