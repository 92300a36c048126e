import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

globalThis.AI_SDK_LOG_WARNINGS = false;

const sdk = (name, model, connect) => ({
  name,
  model,
  async ask({ fetch, model, prompt, signal, maxTokens }) {
    const made = connect({ apiKey: "test", fetch }, model);
    return (await generateText({ model: made, prompt, maxOutputTokens: maxTokens, abortSignal: signal })).text;
  },
  async *stream({ fetch, model, prompt, signal, maxTokens }) {
    const made = connect({ apiKey: "test", fetch }, model);
    let failure;
    const onError = ({ error }) => (failure = error);
    const result = streamText({ model: made, prompt, maxOutputTokens: maxTokens, abortSignal: signal, onError });
    for await (const part of result.fullStream) {
      if (part.type === "text-delta") yield part.text;
      if (part.type === "abort") throw signal.reason;
    }
    if (failure !== undefined) throw failure;
  },
  also: {
    async "three steps of a tool loop"({ fetch, model, prompt, provider }) {
      const toolCalls = [{ name: "look", input: { at: "it" } }];
      provider.next({ toolCalls }, { toolCalls, reasoningTokens: 20 });
      const look = tool({ inputSchema: z.object({ at: z.string() }), execute: () => "seen" });
      const options = { prompt, tools: { look }, stopWhen: stepCountIs(5), maxOutputTokens: 200 };
      const { steps } = await generateText({ model: connect({ apiKey: "test", fetch }, model), ...options });
      if (steps.length !== 3) throw new Error(`${steps.length} steps`);
    },
  },
});

export const sdks = [
  sdk("ai + @ai-sdk/openai", "gpt-5.6", (options, model) => createOpenAI(options)(model)),
  sdk("ai + @ai-sdk/anthropic", "claude-sonnet-5", (options, model) => createAnthropic(options)(model)),
  sdk("ai + @ai-sdk/google", "gemini-3-pro", (options, model) => createGoogleGenerativeAI(options)(model)),
];
