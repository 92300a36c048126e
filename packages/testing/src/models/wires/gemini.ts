import { vectorOf } from "./openai-embeddings.ts";
import {
  type Failure,
  type Members,
  type StreamEvent,
  type Wire,
  type Work,
  blockOf,
  dataEvent,
  isMembers,
  joined,
  listOf,
  promptTokens,
  sumOf,
  visibleTokens,
  wholeOf,
  withUsage,
} from "./wire.ts";

const finishReasons = { stop: "STOP", tools: "STOP", length: "MAX_TOKENS", refusal: "SAFETY" } as const;

const statuses: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

function geminiFailure({ status, message }: Failure): Members {
  return {
    error: { code: status, message, status: statuses[status] ?? (status < 500 ? "INVALID_ARGUMENT" : "INTERNAL") },
  };
}

function modelOf(path: string): string {
  return decodeURIComponent(/\/models\/([^/:]+):\w+$/.exec(path)?.[1] ?? "");
}

/** Gemini: the model and whether it streams are in the path. */
export const gemini: Wire = {
  name: "gemini",
  path: /\/models\/[^/:]+:(?:generateContent|streamGenerateContent)$/,
  read({ path, body }) {
    const config = isMembers(body["generationConfig"]) ? body["generationConfig"] : {};
    if (!Array.isArray(body["contents"])) return undefined;
    return {
      model: modelOf(path),
      body,
      isStream: path.endsWith(":streamGenerateContent"),
      blocks: [...listOf(body["tools"]), ...listOf(body["systemInstruction"]), ...body["contents"]].map(blockOf),
      caching: "reads",
      limit: wholeOf(config["maxOutputTokens"]),
      answers: Math.max(1, wholeOf(config["candidateCount"]) ?? 1),
      makes: "text",
    };
  },
  answer(_asked, work) {
    const parts = [...(work.text.length > 0 ? [{ text: joined(work.text) }] : []), ...work.toolCalls.map(callPart)];
    const counted = usageOf(work, visibleTokens(work) * work.answers, work.reasoning * work.answers);
    return chunk(work, parts, finishReasons[work.ends], work.usage(counted));
  },
  *events(_asked, work) {
    let output = 0;
    // Usage runs along with the stream, and the last chunk has the final counts.
    const part = (
      parts: readonly Members[],
      tokens: number,
      finish: string | undefined,
      isFirst: boolean,
    ): StreamEvent => {
      output += tokens * work.answers;
      const usage = work.usage(usageOf(work, output, work.reasoning * work.answers));
      const data = chunk(work, parts, finish, usage);
      const text = `data: ${JSON.stringify(data)}\r\n\r\n`;
      return { text, output: tokens * work.answers, ...(isFirst && { reasoning: work.reasoning * work.answers }) };
    };
    const steps = [
      ...work.text.map(({ text, tokens }) => ({ parts: [{ text }], tokens })),
      ...work.toolCalls.map((call) => ({ parts: [callPart(call)], tokens: sumOf(call.input) })),
    ];
    if (steps.length === 0) steps.push({ parts: [], tokens: 0 });
    for (const [at, { parts, tokens }] of steps.entries()) {
      yield part(parts, tokens, at === steps.length - 1 ? finishReasons[work.ends] : undefined, at === 0);
    }
  },
  failure: geminiFailure,
  failureEvent: (failure) => dataEvent(geminiFailure(failure)),
  isEventStream: ({ query }) => query.get("alt") === "sse",
};

function callPart({ id, name, input }: Work["toolCalls"][number]): Members {
  return { functionCall: { id, name, args: JSON.parse(joined(input)) as unknown } };
}

function chunk(work: Work, parts: readonly Members[], finish: string | undefined, usage: unknown): Members {
  const candidates = Array.from({ length: work.answers }, (_, index) => ({
    content: { parts, role: "model" },
    ...(finish !== undefined && { finishReason: finish }),
    index,
  }));
  return { candidates, ...withUsage("usageMetadata", usage), modelVersion: work.model, responseId: work.id };
}

function usageOf(work: Work, output: number, thoughts: number): Members {
  const prompt = promptTokens(work);
  const { cachedInput } = work.prompt;
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: output,
    totalTokenCount: prompt + output + thoughts,
    promptTokensDetails: [{ modality: "TEXT", tokenCount: prompt }],
    ...(thoughts > 0 && { thoughtsTokenCount: thoughts }),
    ...(cachedInput > 0 && {
      cachedContentTokenCount: cachedInput,
      cacheTokensDetails: [{ modality: "TEXT", tokenCount: cachedInput }],
    }),
  };
}

/** Gemini's embeddings, one or several at a time. */
export const geminiEmbeddings: Wire = {
  name: "gemini-embeddings",
  path: /\/models\/[^/:]+:(?:embedContent|batchEmbedContents)$/,
  read({ path, body }) {
    const isBatch = path.endsWith(":batchEmbedContents");
    const requests = (isBatch ? listOf(body["requests"]) : [body]).filter(isMembers);
    if (requests.length === 0 || requests.some(({ content }) => !isMembers(content))) return undefined;
    return {
      model: modelOf(path),
      body,
      isStream: false,
      blocks: requests.map(({ content }) => blockOf(content)),
      caching: "never",
      answers: isBatch ? requests.length : 0,
      makes: "vectors",
    };
  },
  answer({ answers }, work) {
    const embedding = { values: vectorOf(8) };
    const tokens = promptTokens(work);
    const usage = { promptTokenCount: tokens, promptTokenDetails: [{ modality: "TEXT", tokenCount: tokens }] };
    const made = answers === 0 ? { embedding } : { embeddings: Array.from({ length: answers }, () => embedding) };
    return { ...made, ...withUsage("usageMetadata", work.usage(usage)) };
  },
  *events() {
    // An embedding is no stream.
  },
  failure: geminiFailure,
  failureEvent: (failure) => dataEvent(geminiFailure(failure)),
};
