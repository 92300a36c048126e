import { openaiFailure } from "./openai-error.ts";
import {
  type Asked,
  type Members,
  type StreamEvent,
  type Wire,
  type Work,
  blockOf,
  isMembers,
  joined,
  listOf,
  namedEvent,
  promptTokens,
  textOf,
  visibleTokens,
  wholeOf,
  withUsage,
} from "./wire.ts";

/** OpenAI's responses. */
export const openaiResponses: Wire = {
  name: "openai-responses",
  path: /\/responses$/,
  read({ body }) {
    const model = textOf(body["model"]);
    if (model === undefined || body["input"] === undefined) return undefined;
    return {
      model,
      body,
      isStream: body["stream"] === true,
      blocks: [...listOf(body["tools"]), ...listOf(body["instructions"]), ...listOf(body["input"])].map(blockOf),
      caching: "automatic",
      limit: wholeOf(body["max_output_tokens"]),
      answers: 1,
      makes: "text",
    };
  },
  answer: (asked, work) => ended(asked, work),
  *events(asked, work) {
    let sequence = 0;
    const event = (type: string, members: Members): string =>
      namedEvent({ type, sequence_number: sequence++, ...members });
    const started = response(asked, work, "in_progress", []);
    yield { text: event("response.created", { response: started }) };
    yield { text: event("response.in_progress", { response: started }), reasoning: work.reasoning };
    for (const [index, item] of outputOf(work).entries()) {
      const parts = item.kind === "message" ? messageEvents(work, item, index, event) : itemEvents(item, index, event);
      yield* parts;
    }
    const last = ended(asked, work);
    yield { text: event(`response.${String(last["status"])}`, { response: last }) };
  },
  failure: openaiFailure,
  failureEvent: ({ code, message }) => namedEvent({ type: "error", code, message, param: null, sequence_number: 0 }),
};

interface Item {
  readonly kind: "reasoning" | "message" | "function_call";
  readonly whole: Members;
  readonly pieces: Work["text"];
}

function outputOf(work: Work): Item[] {
  const items: Item[] = [];
  if (work.reasoning > 0) {
    const whole = { id: `rs_${work.id}`, type: "reasoning", summary: [] };
    items.push({ kind: "reasoning", whole, pieces: [] });
  }
  if (work.text.length > 0) {
    const whole = {
      id: `msg_${work.id}`,
      type: "message",
      status: work.ends === "length" ? "incomplete" : "completed",
      role: "assistant",
      content: [partOf(work, joined(work.text))],
    };
    items.push({ kind: "message", whole, pieces: work.text });
  }
  for (const [index, { id, name, input }] of work.toolCalls.entries()) {
    const whole = {
      id: `fc_${work.id}_${index}`,
      type: "function_call",
      status: "completed",
      call_id: id,
      name,
      arguments: joined(input),
    };
    items.push({ kind: "function_call", whole, pieces: input });
  }
  return items;
}

function partOf({ ends }: Work, text: string): Members {
  if (ends === "refusal") return { type: "refusal", refusal: text };
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

type WriteEvent = (type: string, members: Members) => string;

function* messageEvents(work: Work, { whole, pieces }: Item, index: number, event: WriteEvent): Generator<StreamEvent> {
  const item = { ...whole, status: "in_progress", content: [] };
  yield { text: event("response.output_item.added", { output_index: index, item }) };
  const at = { item_id: whole["id"], output_index: index, content_index: 0 };
  yield { text: event("response.content_part.added", { ...at, part: partOf(work, "") }) };
  const isRefusal = work.ends === "refusal";
  const name = isRefusal ? "refusal" : "output_text";
  for (const { text, tokens } of pieces) {
    const delta = { ...at, delta: text, ...(!isRefusal && { logprobs: [] }) };
    yield { text: event(`response.${name}.delta`, delta), output: tokens };
  }
  const text = joined(pieces);
  const done = isRefusal ? { ...at, refusal: text } : { ...at, text, logprobs: [] };
  yield { text: event(`response.${name}.done`, done) };
  yield { text: event("response.content_part.done", { ...at, part: partOf(work, text) }) };
  yield { text: event("response.output_item.done", { output_index: index, item: whole }) };
}

function* itemEvents({ kind, whole, pieces }: Item, index: number, event: WriteEvent): Generator<StreamEvent> {
  const begun = kind === "function_call" ? { ...whole, status: "in_progress", arguments: "" } : whole;
  yield { text: event("response.output_item.added", { output_index: index, item: begun }) };
  if (kind === "function_call") {
    const at = { item_id: whole["id"], output_index: index };
    for (const { text, tokens } of pieces) {
      yield { text: event("response.function_call_arguments.delta", { ...at, delta: text }), output: tokens };
    }
    const done = { ...at, name: whole["name"], arguments: whole["arguments"] };
    yield { text: event("response.function_call_arguments.done", done) };
  }
  yield { text: event("response.output_item.done", { output_index: index, item: whole }) };
}

function ended(asked: Asked, work: Work): Members {
  const status = work.ends === "length" ? "incomplete" : "completed";
  const output = outputOf(work).map(({ whole }) => whole);
  return { ...response(asked, work, status, output), ...withUsage("usage", work.usage(usageOf(work))) };
}

function response({ body, limit }: Asked, work: Work, status: string, output: readonly Members[]): Members {
  const { reasoning, metadata } = body;
  return {
    id: `resp_${work.id}`,
    object: "response",
    created_at: work.created,
    status,
    background: false,
    error: null,
    incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
    instructions: body["instructions"] ?? null,
    max_output_tokens: limit ?? null,
    model: work.model,
    output,
    parallel_tool_calls: body["parallel_tool_calls"] ?? true,
    previous_response_id: body["previous_response_id"] ?? null,
    reasoning: isMembers(reasoning) ? reasoning : { effort: null, summary: null },
    service_tier: "default",
    store: body["store"] ?? true,
    temperature: body["temperature"] ?? 1,
    text: body["text"] ?? { format: { type: "text" } },
    tool_choice: body["tool_choice"] ?? "auto",
    tools: listOf(body["tools"]),
    top_p: body["top_p"] ?? 1,
    truncation: "disabled",
    usage: null,
    metadata: isMembers(metadata) ? metadata : {},
  };
}

function usageOf(work: Work): Members {
  const input = promptTokens(work);
  const output = visibleTokens(work) + work.reasoning;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: work.prompt.cachedInput,
      cache_write_tokens: work.countsWrites ? work.prompt.cacheWrite : 0,
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: work.reasoning },
    total_tokens: input + output,
  };
}
