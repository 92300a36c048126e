import {
  type Members,
  type StreamEvent,
  type Wire,
  type Work,
  blockOf,
  isMembers,
  joined,
  listOf,
  namedEvent,
  textOf,
  visibleTokens,
  wholeOf,
} from "./wire.ts";

const stopReasons = { stop: "end_turn", tools: "tool_use", length: "max_tokens", refusal: "refusal" } as const;

const errorTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** Anthropic's messages. */
export const anthropicMessages: Wire = {
  name: "anthropic-messages",
  path: /\/messages$/,
  read({ body }) {
    const model = textOf(body["model"]);
    const limit = wholeOf(body["max_tokens"]);
    if (model === undefined || limit === undefined || !Array.isArray(body["messages"])) return undefined;
    // What a message holds is a block each, because each may carry a mark; its role goes with the first.
    const messages = body["messages"].flatMap((message: unknown) => {
      if (!isMembers(message)) return [message];
      return listOf(message["content"]).map((content) => ({ role: message["role"], content }));
    });
    return {
      model,
      body,
      isStream: body["stream"] === true,
      blocks: [...listOf(body["tools"]), ...listOf(body["system"]), ...messages].map(blockOf),
      caching: "marked",
      limit,
      answers: 1,
      makes: "text",
    };
  },
  answer(_asked, work) {
    return {
      ...envelope(work),
      content: contentOf(work).map(({ whole }) => whole),
      stop_reason: stopReasons[work.ends],
      stop_sequence: null,
      stop_details: null,
      ...withUsageOf(work, usageOf(work)),
    };
  },
  *events(_asked, work) {
    const start = { ...usageOf(work), output_tokens: 1, output_tokens_details: null };
    const message = { ...envelope(work), content: [], stop_reason: null, stop_sequence: null, stop_details: null };
    yield { text: namedEvent({ type: "message_start", message: { ...message, ...withUsageOf(work, start) } }) };
    for (const [index, block] of contentOf(work).entries()) yield* blockEvents(work, block, index);
    const delta = { stop_reason: stopReasons[work.ends], stop_sequence: null, stop_details: null };
    // The counts of the prompt stand in message_start, and are not repeated.
    const usage = {
      input_tokens: null,
      cache_creation_input_tokens: null,
      cache_read_input_tokens: null,
      output_tokens: visibleTokens(work) + work.reasoning,
      output_tokens_details: { thinking_tokens: work.reasoning },
      server_tool_use: null,
    };
    yield { text: namedEvent({ type: "message_delta", delta, ...withUsageOf(work, usage) }) };
    yield { text: namedEvent({ type: "message_stop" }) };
  },
  failure: anthropicFailure,
  failureEvent: (failure) => namedEvent(anthropicFailure(failure)),
};

function anthropicFailure({ status, message }: { readonly status: number; readonly message: string }): Members {
  return { type: "error", error: { type: errorTypes[status] ?? "api_error", message }, request_id: "req_imprest" };
}

interface ContentBlock {
  readonly whole: Members;
  /** As it stands before its first delta. */
  readonly begun: Members;
  readonly delta: (text: string) => Members;
  readonly pieces: Work["text"];
}

function contentOf(work: Work): ContentBlock[] {
  const blocks: ContentBlock[] = [];
  if (work.reasoning > 0) {
    // Thinking that the caller does not see: the text is left out, the signature stands for it.
    const begun = { type: "thinking", thinking: "", signature: "" };
    const whole = { ...begun, signature: "c2lnbmVk" };
    blocks.push({ whole, begun, delta: () => ({ type: "signature_delta", signature: "c2lnbmVk" }), pieces: [] });
  }
  if (work.text.length > 0) {
    const delta = (text: string): Members => ({ type: "text_delta", text });
    const whole = { type: "text", text: joined(work.text) };
    blocks.push({ whole, begun: { ...whole, text: "" }, delta, pieces: work.text });
  }
  for (const { id, name, input } of work.toolCalls) {
    const begun = { type: "tool_use", id: id.replace(/^call/, "toolu"), name, input: {}, caller: { type: "direct" } };
    const whole = { ...begun, input: JSON.parse(joined(input)) as unknown };
    const delta = (text: string): Members => ({ type: "input_json_delta", partial_json: text });
    blocks.push({ whole, begun, delta, pieces: input });
  }
  return blocks;
}

function* blockEvents(work: Work, { begun, delta, pieces }: ContentBlock, index: number): Generator<StreamEvent> {
  yield { text: namedEvent({ type: "content_block_start", index, content_block: begun }) };
  if (index === 0) yield { text: namedEvent({ type: "ping" }), reasoning: work.reasoning };
  if (begun["type"] === "thinking")
    yield { text: namedEvent({ type: "content_block_delta", index, delta: delta("") }) };
  for (const { text, tokens } of pieces) {
    yield { text: namedEvent({ type: "content_block_delta", index, delta: delta(text) }), output: tokens };
  }
  yield { text: namedEvent({ type: "content_block_stop", index }) };
}

function envelope({ id, model }: Work): Members {
  return { id: `msg_${id}`, type: "message", role: "assistant", model, container: null, diagnostics: null };
}

/** Anthropic's SDK reads `usage` of a message without asking whether it is there: an empty object stands for none. */
function withUsageOf(work: Work, counted: Members): Members {
  return { usage: work.usage(counted) ?? {} };
}

function usageOf(work: Work): Members {
  const { input, cachedInput, cacheWrite, cacheWrite1h } = work.prompt;
  return {
    input_tokens: input,
    cache_creation_input_tokens: cacheWrite + cacheWrite1h,
    cache_read_input_tokens: cachedInput,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite, ephemeral_1h_input_tokens: cacheWrite1h },
    output_tokens: visibleTokens(work) + work.reasoning,
    output_tokens_details: { thinking_tokens: work.reasoning },
    server_tool_use: null,
    service_tier: "standard",
    inference_geo: null,
    speed: null,
  };
}
