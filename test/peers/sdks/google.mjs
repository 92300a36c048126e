import { GoogleGenAI } from "@google/genai";

const request = ({ model, prompt, signal, maxTokens }) => ({
  model,
  contents: prompt,
  config: { maxOutputTokens: maxTokens, abortSignal: signal },
});

export const sdks = [
  {
    name: "@google/genai",
    model: "gemini-3-pro",
    async ask(call) {
      const client = new GoogleGenAI({ apiKey: "test", httpOptions: { fetch: call.fetch } });
      return (await client.models.generateContent(request(call))).text;
    },
    async *stream(call) {
      const client = new GoogleGenAI({ apiKey: "test", httpOptions: { fetch: call.fetch } });
      for await (const chunk of await client.models.generateContentStream(request(call))) yield chunk.text ?? "";
    },
  },
];
