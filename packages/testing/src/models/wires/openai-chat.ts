import { openaiFailure } from "./openai-error.ts";
import {
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
  textOf,
  visibleTokens,
  wholeOf,
  withUsage,
} from "./wire.ts";

const finishReasons = { stop: "stop", tools: "tool_calls", length: "length", refusal: "stop" } as const;

/** OpenAI's chat completions, and every provider that is compatible; the model of an Azure deployment is in the path. */
export const openaiChat: Wire = {
  name: "openai-chat",
  path: /(?:\/deployments\/([^/]+))?\/chat\/completions$/,
  read({ path, body }) {
    const model = textOf(body["model"]) ?? deploymentOf(path);
    if (model === undefined || !Array.isArray(body["messages"])) return undefined;
    return {
      model,
      body,
      isStream: body["stream"] === true,
      blocks: [...listOf(body["tools"]), ...body["messages"]].map(blockOf),
      caching: "automatic",
      limit: wholeOf(body["max_completion_tokens"], body["max_tokens"]),
      answers: Math.max(1, wholeOf(body["n"]) ?? 1),
      makes: "text",
    };
  },
  answer(_asked, work) {
    const refusal = work.ends === "refusal" ? joined(work.text) : null;
    const toolCalls = work.toolCalls.map(({ id, name, input }) => ({
      id,
      type: "function",
      function: { name, arguments: joined(input) },
    }));
    const message = {
      role: "assistant",
      content: refusal === null && work.text.length > 0 ? joined(work.text) : null,
      refusal,
      annotations: [],
      ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
    };
    const choices = Array.from({ length: work.answers }, (_, index) => ({
      index,
      message,
      logprobs: null,
      finish_reason: finishReasons[work.ends],
    }));
    return { ...envelope(work, "chat.completion"), choices, ...withUsage("usage", work.usage(usageOf(work))) };
  },
  *events(asked, work) {
    const options = asked.body["stream_options"];
    const counts = isMembers(options) && options["include_usage"] === true;
    const usage = counts ? work.usage(usageOf(work)) : undefined;
    const chunk = (index: number, delta: Members, finish: string | null = null): string =>
      dataEvent({
        ...envelope(work, "chat.completion.chunk"),
        choices: [{ index, delta, logprobs: null, finish_reason: finish }],
        ...(counts && { usage: null }),
      });
    for (let index = 0; index < work.answers; index += 1) yield* choiceEvents(work, (...rest) => chunk(index, ...rest));
    if (usage !== undefined) {
      yield { text: dataEvent({ ...envelope(work, "chat.completion.chunk"), choices: [], usage }) };
    }
    yield { text: "data: [DONE]\n\n" };
  },
  failure: openaiFailure,
  failureEvent: (failure) => dataEvent(openaiFailure(failure)),
};

export function deploymentOf(path: string): string | undefined {
  const [, name] = /\/deployments\/([^/]+)\//.exec(path) ?? [];
  return name === undefined ? undefined : decodeURIComponent(name);
}

function* choiceEvents(work: Work, chunk: (delta: Members, finish?: string) => string): Generator<StreamEvent> {
  yield { text: chunk({ role: "assistant", content: "", refusal: null }), reasoning: work.reasoning };
  const member = work.ends === "refusal" ? "refusal" : "content";
  for (const { text, tokens } of work.text) yield { text: chunk({ [member]: text }), output: tokens };
  for (const [index, { id, name, input }] of work.toolCalls.entries()) {
    const call = { index, id, type: "function", function: { name, arguments: "" } };
    yield { text: chunk({ tool_calls: [call] }) };
    for (const { text, tokens } of input) {
      yield { text: chunk({ tool_calls: [{ index, function: { arguments: text } }] }), output: tokens };
    }
  }
  yield { text: chunk({}, finishReasons[work.ends]) };
}

function envelope({ id, created, model }: Work, object: string): Members {
  return { id: `chatcmpl-${id}`, object, created, model, service_tier: "default", system_fingerprint: "fp_imprest" };
}

function usageOf(work: Work): Members {
  const prompt = promptTokens(work);
  const completion = (visibleTokens(work) + work.reasoning) * work.answers;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: work.prompt.cachedInput,
      audio_tokens: 0,
      ...(work.countsWrites && { cache_write_tokens: work.prompt.cacheWrite }),
    },
    completion_tokens_details: {
      reasoning_tokens: work.reasoning * work.answers,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
