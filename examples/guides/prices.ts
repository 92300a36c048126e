// docs/prices.md: what a call cost, what it can cost, and where prices come from.
import assert from "node:assert/strict";
import { formatAmount, usd } from "@imprest/core";
import { createPrefixMap, createPriceTable, mergeUsage, readUsage } from "@imprest/llm";
import { convertLiteLlm } from "@imprest/llm/convert";
// #region file
import reviewed from "./prices.json" with { type: "json" };

const listed = createPriceTable(reviewed);
// #endregion
assert.deepEqual(listed.price("gpt-invented", { prompt_tokens: 1_000, completion_tokens: 0 }), usd("0.00125"));

// #region table
const prices = createPriceTable({
  "claude-large": {
    // dollars per million tokens, as text
    input: "3.00",
    cachedInput: "0.30",
    cacheWrite: "3.75",
    cacheWrite1h: "6.00",
    output: "15.00",
    above: [{ promptTokens: 200_000, input: "6.00", cachedInput: "0.60", output: "22.50" }], // prompts longer than that
    per: { webSearch: "0.01" }, // dollars apiece
    multipliers: { tier: { batch: "0.5" }, region: { us: "1.1" } },
    maxInputTokens: 1_000_000,
  },
  "whisper-large": { per: { second: "0.0001" } },
});
// #endregion

// #region price
const usage = {
  input_tokens: 50,
  cache_creation_input_tokens: 4_000,
  cache_creation: { ephemeral_1h_input_tokens: 4_000 },
  output_tokens: 200,
  server_tool_use: { web_search_requests: 3 },
};
console.log(formatAmount(prices.price("anthropic/claude-large-20260929", usage))); // $0.05715
console.log(readUsage(usage).tokens); // { input: 50, cacheWrite1h: 4000, output: 200 }
console.log(readUsage(usage).units); // { webSearch: 3 }
// #endregion

assert.deepEqual(prices.price("claude-large", usage), usd("0.05715"));
assert.deepEqual(readUsage(usage).tokens, { input: 50, cacheWrite1h: 4_000, output: 200 });
assert.deepEqual(readUsage(usage).units, { webSearch: 3 });

// #region refused
prices.has("claude-small"); // false: refuse before the call, not after it
assert.throws(() => prices.price("claude-small", usage), /"claude-small" has no price/);
assert.throws(() => prices.price("claude-large", { ...usage, speed: "fast" }), /speed: "fast" is charged at a price/);
assert.throws(() => prices.price("claude-large", { ...usage, smell_units: 3 }), /\/usage\/smell_units/);
// #endregion
assert.equal(prices.has("claude-small"), false);

// #region pieces
const transcribed = prices.price("whisper-large", { units: { second: 90 } });
// #endregion
assert.deepEqual(transcribed, usd("0.009"));

// #region stream
const start = { input_tokens: 25, cache_read_input_tokens: 900, output_tokens: 1 };
const delta = { input_tokens: null, cache_read_input_tokens: null, output_tokens: 90 };
const streamed = prices.price("claude-large", mergeUsage(start, delta));
// #endregion
assert.deepEqual(streamed, usd("0.001695"));

// #region estimate
const request = { model: "claude-large", max_tokens: 1_000, messages: [{ role: "user", content: "你好 👋" }] };
const estimate = prices.estimateRequest("claude-large", request);
const closer = prices.estimateRequest("claude-large", request, { tokens: (text) => Math.ceil(text.length / 2) });
// #endregion
assert.ok(closer.amount < estimate.amount);

const counted = { input_tokens: 60_000, output_tokens: 200 };
const first = { role: "user", content: "words ".repeat(50_000) };
const answer = { role: "assistant", content: "Read." };
const turn = { ...request, messages: [first] };
const whole = prices.estimateRequest("claude-large", turn);

// #region prefix
const prefixes = createPrefixMap();
await prefixes.remember("api.example.com", turn, counted); // after the first answer

const next = { ...request, messages: [first, answer, { role: "user", content: "And now?" }] };
const prefix = await prefixes.find("api.example.com", next);
const close = prices.estimateRequest("claude-large", next, { prefix }); // 60,000 tokens and the bytes of two messages
// #endregion
assert.deepEqual(prefix, { messages: 1, inputTokens: 60_000 });
assert.ok(close.amount * 3n < whole.amount);

/** In the form of the public file, with an invented model. */
const text = JSON.stringify({
  "gpt-invented": { mode: "chat", input_cost_per_token: 1.25e-6, output_cost_per_token: 1e-5 },
  "voice-invented": { mode: "audio_speech", input_cost_per_character: 1.5e-5 },
});
const url = "model_prices_and_context_window.json";

// #region convert
const file = await convertLiteLlm(text, { from: url, date: "2026-11-28" });
console.log(file.source); // { format: "litellm", from, date, sha256 }
console.log(file.refused); // [{ model: "voice-invented", members: ["input_cost_per_character"], reason: … }]
const converted = createPriceTable(file.models);
// #endregion
assert.deepEqual(converted.price("gpt-invented", { prompt_tokens: 1_000, completion_tokens: 0 }), usd("0.00125"));
assert.deepEqual(
  file.refused.map(({ model, members }) => [model, members]),
  [["voice-invented", ["input_cost_per_character"]]],
);
