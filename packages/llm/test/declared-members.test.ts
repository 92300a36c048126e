// The counts that the newest SDKs declare in their types (November 2026), each with a number of its own, so that none can
// stand for another: openai 7.59, @anthropic-ai/sdk 1.14, @google/genai 3.3, ai 7.0 (provider 4.0), @openai/agents 0.20,
// @langchain/core 1.4, @aws-sdk/client-bedrock-runtime 3.1164, @mistralai/mistralai 2.7, cohere-ai 8.1.
import { ValidationError } from "@imprest/core";
import { readUsage } from "@imprest/llm";
import { describe, expect, it } from "vitest";

interface Declared {
  /** The SDK and its type. */
  readonly from: string;
  readonly usage: object;
  readonly tokens?: Readonly<Record<string, number>>;
  readonly units?: Readonly<Record<string, number>>;
  /** Counts that say once more what another one says, or how it is made up: they change nothing. */
  readonly parts?: readonly string[];
}

const declared: readonly Declared[] = [
  {
    from: "openai CompletionUsage",
    usage: {
      prompt_tokens: 1_000,
      completion_tokens: 500,
      total_tokens: 1_500,
      prompt_tokens_details: {
        audio_tokens: 40,
        cache_write_tokens: 30,
        cached_tokens: 200,
        image_tokens: 50,
        text_tokens: 910,
      },
      completion_tokens_details: {
        accepted_prediction_tokens: 11,
        rejected_prediction_tokens: 12,
        audio_tokens: 60,
        reasoning_tokens: 70,
        text_tokens: 440,
      },
    },
    tokens: {
      input: 680,
      cachedInput: 200,
      cacheWrite: 30,
      audioInput: 40,
      imageInput: 50,
      output: 370,
      reasoning: 70,
      audioOutput: 60,
    },
    parts: ["text_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"],
  },
  {
    from: "openai ResponseUsage",
    usage: {
      input_tokens: 1_000,
      output_tokens: 500,
      total_tokens: 1_500,
      input_tokens_details: {
        cached_tokens: 200,
        cache_write_tokens: 70,
        cache_write_tokens_details: { ttl_12h_tokens: 40, ttl_30m_tokens: 30 },
      },
      output_tokens_details: { reasoning_tokens: 90 },
    },
    tokens: { input: 730, cachedInput: 200, cacheWrite: 30, cacheWrite12h: 40, output: 410, reasoning: 90 },
  },
  {
    from: "openai Response.tool_usage beside the usage",
    usage: {
      input_tokens: 1_000,
      output_tokens: 500,
      total_tokens: 1_500,
      tool_usage: {
        web_search: { num_requests: 3 },
        image_gen: { input_tokens: 0, output_tokens: 0, total_tokens: 0, input_tokens_details: { image_tokens: 0 } },
      },
    },
    tokens: { input: 1_000, output: 500 },
    units: { webSearch: 3 },
  },
  {
    from: "openai ImagesResponse.Usage",
    usage: {
      input_tokens: 1_000,
      output_tokens: 500,
      total_tokens: 1_500,
      input_tokens_details: { image_tokens: 300, text_tokens: 700 },
      output_tokens_details: { image_tokens: 450, text_tokens: 50 },
    },
    tokens: { input: 700, imageInput: 300, output: 50, imageOutput: 450 },
    parts: ["text_tokens"],
  },
  {
    from: "openai ImagesResponse.SvgUsage",
    usage: { input_tokens: 1_000, output_tokens: 500, reasoning_tokens: 60, total_tokens: 1_500, model: "m" },
    tokens: { input: 1_000, output: 440, reasoning: 60 },
  },
  {
    from: "openai RealtimeResponseUsage",
    usage: {
      input_tokens: 1_000,
      output_tokens: 500,
      total_tokens: 1_500,
      input_token_details: {
        audio_tokens: 400,
        image_tokens: 100,
        text_tokens: 500,
        cached_tokens: 60,
        cached_tokens_details: { audio_tokens: 30, image_tokens: 10, text_tokens: 20 },
      },
      output_token_details: { audio_tokens: 300, text_tokens: 200 },
    },
    tokens: {
      input: 480,
      cachedInput: 20,
      audioInput: 370,
      cachedAudioInput: 30,
      imageInput: 90,
      cachedImageInput: 10,
      output: 200,
      audioOutput: 300,
    },
    parts: ["text_tokens"],
  },
  {
    from: "openai TranscriptTextUsageTokens",
    usage: {
      type: "tokens",
      input_tokens: 1_000,
      output_tokens: 500,
      total_tokens: 1_500,
      input_token_details: { audio_tokens: 900, text_tokens: 100 },
    },
    tokens: { input: 100, audioInput: 900, output: 500 },
    parts: ["text_tokens"],
  },
  {
    from: "openai TranscriptTextUsageDuration, SessionUsage",
    usage: { type: "duration", seconds: 9 },
    units: { second: 9 },
  },
  {
    from: "openai CreateEmbeddingResponse.Usage",
    usage: { prompt_tokens: 1_000, total_tokens: 1_000 },
    tokens: { input: 1_000 },
  },
  {
    from: "@anthropic-ai/sdk BetaUsage, MessageDeltaUsage",
    usage: {
      input_tokens: 1_000,
      output_tokens: 500,
      cache_read_input_tokens: 300,
      cache_creation_input_tokens: 90,
      cache_creation: { ephemeral_1h_input_tokens: 70, ephemeral_5m_input_tokens: 20 },
      output_tokens_details: { thinking_tokens: 110 },
      server_tool_use: { web_fetch_requests: 5, web_search_requests: 3 },
      fallback_credit: { status: { type: "not_applied" } },
      iterations: null,
    },
    tokens: { input: 1_000, cachedInput: 300, cacheWrite: 20, cacheWrite1h: 70, output: 390, reasoning: 110 },
    units: { webSearch: 3 },
    parts: ["web_fetch_requests"],
  },
  {
    from: "@anthropic-ai/sdk BetaManagedAgentsSpanModelUsage",
    usage: {
      input_tokens: 1_000,
      output_tokens: 500,
      cache_read_input_tokens: 300,
      cache_creation_input_tokens: 90,
      speed: "standard",
    },
    tokens: { input: 1_000, cachedInput: 300, cacheWrite: 90, output: 500 },
  },
  {
    from: "@google/genai GenerateContentResponseUsageMetadata",
    usage: {
      promptTokenCount: 1_000,
      candidatesTokenCount: 500,
      thoughtsTokenCount: 80,
      toolUsePromptTokenCount: 60,
      cachedContentTokenCount: 200,
      totalTokenCount: 1_640,
      initialPromptTokenCount: 700,
      promptTokensDetails: [
        { modality: "TEXT", tokenCount: 850 },
        { modality: "IMAGE", tokenCount: 150 },
      ],
      toolUsePromptTokensDetails: [{ modality: "DOCUMENT", tokenCount: 25 }],
      cacheTokensDetails: [{ modality: "IMAGE", tokenCount: 15 }],
      candidatesTokensDetails: [{ modality: "AUDIO", tokenCount: 45 }],
    },
    tokens: {
      input: 700,
      cachedInput: 185,
      imageInput: 135,
      cachedImageInput: 15,
      documentInput: 25,
      output: 455,
      reasoning: 80,
      audioOutput: 45,
    },
    parts: ["initialPromptTokenCount", "promptTokensDetails/0/tokenCount"],
  },
  {
    from: "@google/genai UsageMetadata of a live session",
    usage: {
      promptTokenCount: 1_000,
      responseTokenCount: 500,
      totalTokenCount: 1_500,
      responseTokensDetails: [{ modality: "VIDEO", tokenCount: 45 }],
    },
    tokens: { input: 1_000, output: 455, videoOutput: 45 },
  },
  {
    from: "@google/genai Usage of an interaction",
    usage: {
      total_input_tokens: 1_000,
      total_output_tokens: 500,
      total_thought_tokens: 80,
      total_tool_use_tokens: 60,
      total_cached_tokens: 200,
      total_tokens: 1_640,
      initial_input_tokens: 700,
      input_tokens_by_modality: [{ modality: "audio", tokens: 150 }],
      tool_use_tokens_by_modality: [{ modality: "document", tokens: 25 }],
      cached_tokens_by_modality: [{ modality: "audio", tokens: 15 }],
      output_tokens_by_modality: [{ modality: "image", tokens: 45 }],
      grounding_tool_count: [
        { type: "google_search", count: 3 },
        { type: "google_maps", count: 2 },
        { type: "retrieval", count: 4 },
      ],
    },
    tokens: {
      input: 700,
      cachedInput: 185,
      audioInput: 135,
      cachedAudioInput: 15,
      documentInput: 25,
      output: 455,
      reasoning: 80,
      imageOutput: 45,
    },
    units: { webSearch: 3, mapsGrounding: 2, retrieval: 4 },
    parts: ["initial_input_tokens"],
  },
  {
    from: "ai LanguageModelUsage",
    usage: {
      inputTokens: 1_000,
      inputTokenDetails: { noCacheTokens: 700, cacheReadTokens: 200, cacheWriteTokens: 100 },
      outputTokens: 500,
      outputTokenDetails: { textTokens: 440, reasoningTokens: 60 },
      totalTokens: 1_500,
    },
    tokens: { input: 700, cachedInput: 200, cacheWrite: 100, output: 440, reasoning: 60 },
    parts: ["noCacheTokens", "textTokens"],
  },
  {
    from: "@ai-sdk/provider LanguageModelV4Usage",
    usage: {
      inputTokens: { total: 1_000, noCache: 700, cacheRead: 200, cacheWrite: 100 },
      outputTokens: { total: 500, text: 440, reasoning: 60 },
    },
    tokens: { input: 700, cachedInput: 200, cacheWrite: 100, output: 440, reasoning: 60 },
    parts: ["noCache", "text"],
  },
  {
    from: "@ai-sdk/provider RealtimeModelV4Usage",
    usage: {
      inputTokens: 1_000,
      outputTokens: 500,
      cachedInputTokens: 60,
      inputTextTokens: 600,
      inputAudioTokens: 400,
      outputTextTokens: 200,
      outputAudioTokens: 300,
      cachedInputTextTokens: 20,
      cachedInputAudioTokens: 40,
      seconds: 9,
    },
    tokens: {
      input: 580,
      cachedInput: 20,
      audioInput: 360,
      cachedAudioInput: 40,
      output: 200,
      audioOutput: 300,
    },
    units: { second: 9 },
    parts: ["inputTextTokens", "outputTextTokens", "cachedInputTextTokens"],
  },
  {
    from: "@ai-sdk/provider SpeechModelV4StreamUsage",
    usage: { inputCharacters: 90, inputTokens: 30, outputTokens: 500 },
    tokens: { input: 30, output: 500 },
    units: { character: 90 },
  },
  {
    from: "@ai-sdk/provider SpeechModelV4StreamUsage without tokens",
    usage: { inputCharacters: 90 },
    units: { character: 90 },
  },
  {
    from: "@ai-sdk/provider SpeechTranslationModelV4Usage",
    usage: {
      inputAudioSeconds: 7,
      inputAudioTokens: 400,
      inputTextTokens: 30,
      outputAudioTokens: 300,
      outputTextTokens: 20,
    },
    tokens: { input: 30, audioInput: 400, output: 20, audioOutput: 300 },
    units: { second: 7 },
  },
  {
    from: "ai EmbeddingModelUsage",
    usage: { tokens: 1_000 },
    tokens: { input: 1_000 },
  },
  {
    from: "@openai/agents Usage and RequestUsage",
    usage: {
      requests: 1,
      inputTokens: 1_000,
      outputTokens: 500,
      totalTokens: 1_500,
      inputTokensDetails: [
        {
          cached_tokens: 200,
          cache_write_tokens: 70,
          cache_write_tokens_details: { ttl_12h_tokens: 40, ttl_30m_tokens: 30 },
        },
      ],
      outputTokensDetails: [{ reasoning_tokens: 90 }],
    },
    tokens: { input: 730, cachedInput: 200, cacheWrite: 30, cacheWrite12h: 40, output: 410, reasoning: 90 },
    units: { request: 1 },
  },
  {
    from: "@langchain/core UsageMetadata",
    usage: {
      input_tokens: 1_000,
      output_tokens: 500,
      total_tokens: 1_500,
      input_token_details: {
        text: 500,
        image: 40,
        audio: 50,
        video: 60,
        document: 70,
        cache_read: 200,
        cache_creation: 90,
      },
      output_token_details: { text: 300, image: 41, audio: 51, video: 61, reasoning: 47 },
    },
    tokens: {
      input: 490,
      cachedInput: 200,
      cacheWrite: 90,
      imageInput: 40,
      audioInput: 50,
      videoInput: 60,
      documentInput: 70,
      output: 300,
      reasoning: 47,
      imageOutput: 41,
      audioOutput: 51,
      videoOutput: 61,
    },
    parts: ["text"],
  },
  {
    from: "@langchain/core TokenUsage",
    usage: { promptTokens: 1_000, completionTokens: 500, totalTokens: 1_500 },
    tokens: { input: 1_000, output: 500 },
  },
  {
    from: "@aws-sdk/client-bedrock-runtime TokenUsage",
    usage: {
      inputTokens: 1_000,
      outputTokens: 500,
      totalTokens: 1_890,
      cacheReadInputTokens: 300,
      cacheWriteInputTokens: 90,
      cacheDetails: [
        { ttl: "5m", inputTokens: 20 },
        { ttl: "1h", inputTokens: 70 },
      ],
    },
    tokens: { input: 1_000, cachedInput: 300, cacheWrite: 20, cacheWrite1h: 70, output: 500 },
  },
  {
    from: "@mistralai/mistralai UsageInfo",
    usage: {
      promptTokens: 1_000,
      completionTokens: 500,
      totalTokens: 1_500,
      promptAudioSeconds: 9,
      requestCount: 2,
      numCachedTokens: 230,
      promptTokensDetails: {
        cachedTokens: 200,
        audioTokens: 40,
        messages: [{ role: "user", totalTokens: 3, settingsTokens: 4, usageCount: 5, truncated: false }],
      },
      completionTokensDetails: { reasoningTokens: 60 },
    },
    tokens: { input: 760, cachedInput: 200, audioInput: 40, output: 440, reasoning: 60 },
    units: { second: 9, request: 2 },
    parts: ["numCachedTokens", "messages/0/totalTokens", "settingsTokens", "usageCount"],
  },
  {
    from: "Mistral's wire",
    usage: {
      prompt_tokens: 1_000,
      completion_tokens: 500,
      total_tokens: 1_500,
      prompt_audio_seconds: 9,
      request_count: 2,
      num_cached_tokens: 230,
      prompt_tokens_details: {
        cached_tokens: 200,
        messages: [{ role: "user", total_tokens: 3, settings_tokens: 4, usage_count: 5 }],
      },
    },
    tokens: { input: 800, cachedInput: 200, output: 500 },
    units: { second: 9, request: 2 },
    parts: ["num_cached_tokens", "messages/0/total_tokens", "settings_tokens", "usage_count"],
  },
  {
    from: "@mistralai/mistralai OCRUsageInfo",
    usage: { pages_processed: 12, doc_size_bytes: 4_096 },
    units: { page: 12 },
    parts: ["doc_size_bytes"],
  },
  {
    from: "cohere-ai ApiMeta",
    usage: {
      billedUnits: {
        images: 2,
        inputTokens: 1_000,
        imageTokens: 30,
        outputTokens: 500,
        searchUnits: 4,
        classifications: 5,
        pages: 6,
      },
      tokens: { inputTokens: 1_200, outputTokens: 510 },
      cachedTokens: 20,
    },
    tokens: { input: 1_000, imageInput: 30, output: 500 },
    units: { image: 2, searchUnit: 4, classification: 5, page: 6 },
    parts: ["tokens/inputTokens", "tokens/outputTokens", "cachedTokens"],
  },
];

type Path = readonly string[];

/** Every path to a number of the object. */
function paths(value: unknown, at: Path = []): readonly Path[] {
  if (typeof value === "number") return [at];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => paths(inner, [...at, name]));
}

function added(value: unknown, [name, ...rest]: Path, more: number): unknown {
  if (name === undefined) return Number(value) + more;
  if (Array.isArray(value)) return value.map((inner, at) => (String(at) === name ? added(inner, rest, more) : inner));
  const members = value as Readonly<Record<string, unknown>>;
  return { ...members, [name]: added(members[name], rest, more) };
}

/** What is read, or the refusal. */
function outcome(usage: unknown): unknown {
  try {
    return readUsage(usage);
  } catch (error) {
    if (error instanceof ValidationError) return error.message;
    throw error;
  }
}

describe.each(declared)("$from", ({ usage, tokens = {}, units = {}, parts = [] }) => {
  it("is read member by member", () => {
    expect(readUsage(usage)).toMatchObject({ tokens, units });
    expect(readUsage(usage).tokens).toEqual(tokens);
    expect(readUsage(usage).units).toEqual(units);
  });

  it("has no count that could grow unseen", () => {
    const before = outcome(usage);
    for (const path of paths(usage)) {
      const pointer = path.join("/");
      const isPart = parts.some((part) => `/${pointer}`.endsWith(`/${part}`));
      // More of a part stays within its whole, or is refused because it does not.
      if (!isPart) expect(outcome(added(usage, path, 1)), pointer).not.toEqual(before);
      else expect(outcome(added(usage, path, 1)), pointer).toEqual(before);
    }
  });
});

describe("what an answer counts of other models", () => {
  const counts = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
  const read = (iterations: readonly object[], top: object = counts): unknown =>
    readUsage({ ...top, iterations }).requests;

  it("is charged apart at their own prices: an advisor's advice", () => {
    const advice = { ...counts, type: "advisor_message", model: "advisor", input_tokens: 700 };
    expect(read([{ ...counts, type: "message", model: "asked" }, advice])).toEqual([
      { tokens: { input: 10, output: 5 }, units: {} },
      { model: "advisor", tokens: { input: 700, output: 5 }, units: {} },
    ]);
  });

  it("is charged attempt by attempt where a fallback answered", () => {
    const declined = { ...counts, type: "message", model: "asked", output_tokens: 1 };
    const answered = { ...counts, type: "fallback_message", model: "fallback" };
    expect(read([declined, answered])).toEqual([
      { model: "asked", tokens: { input: 10, output: 1 }, units: {} },
      { model: "fallback", tokens: { input: 10, output: 5 }, units: {} },
    ]);
    expect(() => read([answered], { ...counts, input_tokens: 11 })).toThrow("/iterations: count less");
  });

  it("is refused by its name where it is drawn by a model that is not named", () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 5,
      tool_usage: { image_gen: { output_tokens: 1_056 }, web_search: { num_requests: 0 } },
    };
    expect(() => readUsage(usage)).toThrow("/usage/tool_usage/image_gen/output_tokens");
  });
});
