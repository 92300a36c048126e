import { createOpenAI } from "@ai-sdk/openai";
import { budgetMiddleware, budgetTelemetry } from "@imprest/ai-sdk";
import { type ModelProvider, createModelProvider } from "@imprest/testing/models";
import { customProvider, generateText, stepCountIs, streamText, tool, jsonSchema, wrapLanguageModel } from "ai";
import { type CreateBudgetOptions, type LocalBudget, createBudget, denialOf } from "imprest";
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";

// Models named by a string, as an application has them all over; the default provider stands in for Vercel's gateway.

const prices = { "gpt-5.6": { input: "1.25", output: "10.00", maxInputTokens: 9_000, maxOutputTokens: 2_000 } };
const named = "openai/gpt-5.6";
let provider: ModelProvider;
beforeEach(() => {
  provider = createModelProvider({ prices });
  const before = globalThis.AI_SDK_DEFAULT_PROVIDER;
  const gpt = wrapLanguageModel({
    model: createOpenAI({ apiKey: "test", fetch: provider.fetch })("gpt-5.6"),
    middleware: {},
    providerId: "gateway",
  });
  globalThis.AI_SDK_DEFAULT_PROVIDER = customProvider({ languageModels: { [named]: gpt } });
  onTestFinished(() => {
    globalThis.AI_SDK_DEFAULT_PROVIDER = before;
  });
});

function create(options: Partial<CreateBudgetOptions> = {}): LocalBudget {
  const budget = createBudget({ limit: "$5.00", prices, fetch: provider.fetch, waitMs: 0, ...options });
  onTestFinished(() => budget.close());
  return budget;
}

async function spent(budget: LocalBudget): Promise<bigint> {
  await vi.waitFor(async () => expect((await budget.balance()).reserved.amount).toBe(0n));
  return (await budget.balance()).spent.amount;
}

it("every step of a tool loop is reserved and settled", async () => {
  const budget = create();
  const inputSchema = jsonSchema<object>({ type: "object" });
  provider.next({ toolCalls: [{ name: "look", input: {} }] });
  const { steps } = await generateText({
    model: named,
    prompt: "Look.",
    tools: { look: tool({ inputSchema, execute: () => "seen" }) },
    stopWhen: stepCountIs(3),
    telemetry: { integrations: budgetTelemetry(budget) },
  });
  expect(steps).toHaveLength(2);
  expect(await spent(budget)).toBe(provider.bill.amount);
});

it("each attempt that fails is settled by itself", async () => {
  const budget = create();
  provider.next({ fault: { kind: "status", status: 429, headers: { "retry-after-ms": "1" } } });
  await generateText({ model: named, prompt: "Hi.", telemetry: { integrations: budgetTelemetry(budget) } });
  expect(provider.calls).toHaveLength(2);
  expect(await spent(budget)).toBe(provider.bill.amount);
});

it("a stream whose reader leaves is read to its end", async () => {
  const budget = create();
  provider.next({ outputTokens: 200, eventDelayMs: 1 });
  const { textStream } = streamText({
    model: named,
    prompt: "Hi.",
    telemetry: { integrations: budgetTelemetry(budget) },
  });
  for await (const text of textStream) if (text !== "") break;
  expect(await spent(budget)).toBe(provider.bill.amount);
  expect(provider.calls[0]?.counts.output).toBe(200);
});

it.each<[string, Partial<CreateBudgetOptions>, string]>([
  ["the budget is spent", { limit: "$0.0001" }, "BUDGET_EXCEEDED"],
  ["the authority allows it under caps alone", { policy: [{ caps: { max_tokens: 5 } }] }, "CAPS_NOT_HONOURED"],
])("a denial ends in one attempt: %s", async (_why, options, code) => {
  const budget = create(options);
  const asked = generateText({ model: named, prompt: "Hi.", telemetry: { integrations: budgetTelemetry(budget) } });
  expect(denialOf(await asked.catch((error: unknown) => error))?.reasonCode).toBe(code);
  expect(provider.calls).toEqual([]);
  expect(await spent(budget)).toBe(0n);
});

it("a model that is no string is left to its own guard", async () => {
  const budget = create();
  const settled = vi.fn();
  budget.on("settled", settled);
  const model = wrapLanguageModel({
    model: createOpenAI({ apiKey: "test", fetch: provider.fetch })("gpt-5.6"),
    middleware: budgetMiddleware(budget),
  });
  await generateText({ model, prompt: "Hi.", telemetry: { integrations: budgetTelemetry(budget) } });
  expect(settled).toHaveBeenCalledOnce();
  expect(await spent(budget)).toBe(provider.bill.amount);
});
