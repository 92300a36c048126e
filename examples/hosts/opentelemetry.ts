// docs/hosts/opentelemetry.md: spans, events and metrics of a budget's calls, before a provider of the tests.
import assert from "node:assert/strict";
import { createModelProvider } from "@imprest/testing/models";
import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
// #region observe
import { observeSpend } from "@imprest/otel";
import { createBudget } from "imprest";
import prices from "./prices.json" with { type: "json" };

const budget = createBudget({ limit: "$5.00", every: "day", prices });
const stop = observeSpend(budget); // to the tracer and the meter that the process has
// #endregion
stop();

const provider = createModelProvider({ prices });
globalThis.fetch = provider.fetch;
const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
const tracer = trace.getTracer("agents");
const logger = { emit: () => {} };

// #region genai
const stopEvents = observeSpend(budget, { spans: false }); // on the GenAI span of the call
// #endregion
stopEvents();
// #region logs
const stopLogs = observeSpend(budget, { logger, tracer }); // a logger of @opentelemetry/api-logs
// #endregion
stopLogs();

const stopSpans = observeSpend(budget);
const body = JSON.stringify({ model: "gpt-5.6", messages: [], max_completion_tokens: 100 });
await (await budget.fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body })).text();
await budget.flush();
const [span] = exporter.getFinishedSpans();
assert.equal(span?.name, "llm.completion gpt-5.6");
assert.deepEqual(
  span?.events.map(({ name }) => name),
  ["gen_ai.spend.reserve", "gen_ai.spend.commit"],
);
stopSpans();
await budget.close();
