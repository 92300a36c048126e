import { guardFetch } from "@imprest/llm";
import { describe, expect, it } from "vitest";
import { openBooks, prices } from "./books.ts";
import { data, events, json, named, post, provider } from "./provider.ts";

const text = "Hello";
const messages = [{ role: "user", content: "Hi" }];

interface Case {
  readonly name: string;
  readonly url: string;
  readonly body: Record<string, unknown>;
  readonly answer: () => Response;
  /** Dollars, which are tokens. */
  readonly spent: number;
  readonly headers?: Record<string, string>;
}

const openAi = "https://api.openai.com/v1";
const google = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash";
const chatUsage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const chunk = (more: object): string => data({ id: "1", object: "chat.completion.chunk", model: "gpt-4o", ...more });
const claudeUsage = {
  input_tokens: 10,
  cache_read_input_tokens: 4,
  cache_creation_input_tokens: null,
  output_tokens: 1,
};
const gatewayUsage = { inputTokens: { total: 9, noCache: 9 }, outputTokens: { total: 3, text: 3 } };
const contents = [{ role: "user", parts: [{ text: "Hi" }] }];

const cases: readonly Case[] = [
  {
    name: "OpenAI chat",
    url: `${openAi}/chat/completions`,
    body: { model: "gpt-4o", max_tokens: 50, messages },
    answer: () => json({ choices: [{ message: { content: text }, finish_reason: "stop" }], usage: chatUsage }),
    spent: 12,
  },
  {
    name: "OpenAI chat, streamed",
    url: `${openAi}/chat/completions`,
    body: { model: "gpt-4o", max_tokens: 50, messages, stream: true },
    answer: () =>
      events(
        chunk({ choices: [{ delta: { content: text }, finish_reason: null }] }),
        chunk({ choices: [{ delta: {}, finish_reason: "stop" }] }),
        chunk({ choices: [], usage: chatUsage }),
        "data: [DONE]\n\n",
      ),
    spent: 12,
  },
  {
    name: "an Azure deployment, whose model is in the path",
    url: "https://acme.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2026-01-01",
    body: { max_tokens: 50, messages },
    answer: () => json({ choices: [], usage: chatUsage }),
    spent: 12,
  },
  {
    name: "OpenAI responses",
    url: `${openAi}/responses`,
    body: { model: "gpt-4o", max_output_tokens: 50, input: "Hi" },
    answer: () =>
      json({ object: "response", status: "completed", usage: { input_tokens: 9, output_tokens: 3, total_tokens: 12 } }),
    spent: 12,
  },
  {
    name: "OpenAI responses, streamed and cut by the limit",
    url: `${openAi}/responses`,
    body: { model: "gpt-4o", max_output_tokens: 50, input: "Hi", stream: true },
    answer: () =>
      events(
        named({ type: "response.created", response: { usage: null } }),
        named({ type: "response.output_text.delta", delta: text }),
        named({
          type: "response.incomplete",
          response: { status: "incomplete", usage: { input_tokens: 9, output_tokens: 50, total_tokens: 59 } },
        }),
      ),
    spent: 59,
  },
  {
    name: "OpenAI embeddings",
    url: `${openAi}/embeddings`,
    body: { model: "text-embedding-3", input: "Hi" },
    answer: () => json({ data: [], usage: { prompt_tokens: 2, total_tokens: 2 } }),
    spent: 2,
  },
  {
    name: "OpenAI images by the piece",
    url: `${openAi}/images/generations`,
    body: { model: "dall-e", prompt: "a cat", n: 2 },
    answer: () => json({ data: [{ url: "https://a" }, { url: "https://b" }] }),
    spent: 4,
  },
  {
    name: "Anthropic messages",
    url: "https://api.anthropic.com/v1/messages",
    body: { model: "claude-3-haiku", max_tokens: 50, messages },
    answer: () => json({ type: "message", usage: { ...claudeUsage, output_tokens: 5 } }),
    spent: 17,
  },
  {
    name: "Anthropic messages, streamed, whose last delta repeats counts as null",
    url: "https://gateway.example/anthropic/messages",
    body: { model: "claude-3-haiku", max_tokens: 50, messages, stream: true },
    answer: () =>
      events(
        named({ type: "message_start", message: { usage: claudeUsage } }),
        named({ type: "content_block_delta", delta: { type: "text_delta", text } }),
        named({
          type: "message_delta",
          delta: { stop_reason: "end_turn" },
          usage: { input_tokens: null, cache_read_input_tokens: null, output_tokens: 5 },
        }),
        named({ type: "message_stop" }),
      ),
    spent: 17,
  },
  {
    name: "Gemini",
    url: `${google}:generateContent`,
    body: { contents },
    answer: () =>
      json({
        candidates: [{ finishReason: "STOP" }],
        usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3, totalTokenCount: 12 },
      }),
    spent: 12,
  },
  {
    name: "Gemini, streamed",
    url: `${google}:streamGenerateContent?alt=sse`,
    body: { contents },
    answer: () =>
      events(
        data({
          candidates: [{ content: { parts: [{ text }] } }],
          usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
        }),
        data({
          candidates: [{ content: { parts: [{ text: "" }] }, finishReason: "STOP" }],
          usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3, thoughtsTokenCount: 4, totalTokenCount: 16 },
        }),
      ),
    spent: 16,
  },
  {
    name: "Gemini, streamed as a list of JSON",
    url: `${google}:streamGenerateContent`,
    body: { contents },
    answer: () =>
      json([
        {
          candidates: [{ content: { parts: [{ text }] } }],
          usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
        },
        {
          candidates: [{ finishReason: "STOP" }],
          usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3, totalTokenCount: 12 },
        },
      ]),
    spent: 12,
  },
  {
    name: "Vercel's gateway",
    url: "https://ai-gateway.vercel.sh/v4/ai/language-model",
    headers: { "ai-language-model-id": "openai/gpt-4o", "ai-language-model-streaming": "false" },
    body: { prompt: [{ role: "user", content: [{ type: "text", text: "Hi" }] }], maxOutputTokens: 50 },
    answer: () => json({ content: [], finishReason: "stop", usage: gatewayUsage }),
    spent: 12,
  },
  {
    name: "Vercel's gateway, streamed",
    url: "https://ai-gateway.vercel.sh/v4/ai/language-model",
    headers: { "ai-language-model-id": "openai/gpt-4o", "ai-language-model-streaming": "true" },
    body: { prompt: [{ role: "user", content: [{ type: "text", text: "Hi" }] }], maxOutputTokens: 50 },
    answer: () =>
      events(
        data({ type: "text-delta", delta: text }),
        data({ type: "finish", finishReason: "stop", usage: gatewayUsage }),
      ),
    spent: 12,
  },
];

describe("every wire", () => {
  it.each(cases)("commits what the usage costs: $name", async ({ url, body, answer, spent, headers }) => {
    const books = await openBooks();
    const { fetch, reached } = provider(() => answer());
    const expected = await answer().text();
    const response = await guardFetch(books.authority, { prices, fetch })(url, post(body, headers ? { headers } : {}));
    const got = await response.text();
    expect(books.settlements()).toEqual([`committed ${spent} actual`]);
    expect(await books.read()).toEqual({ spent, reserved: 0 });
    expect(reached).toHaveLength(1);
    if (!("stream" in body && "messages" in body && url.includes("completions"))) expect(got).toBe(expected);
    else
      expect(got).toBe(
        expected
          .split("\n\n")
          .filter((event) => !event.includes("prompt_tokens"))
          .join("\n\n"),
      );
  });
});
