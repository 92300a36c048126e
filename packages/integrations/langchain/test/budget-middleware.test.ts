import { budgetMiddleware } from "@imprest/langchain";
import { type ModelProvider, createModelProvider } from "@imprest/testing/models";
import { ChatAnthropic } from "@langchain/anthropic";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent, tool } from "langchain";
import { type CreateBudgetOptions, type LocalBudget, createBudget, denialOf } from "imprest";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

// Real agents before a provider with books of its own: what follows is read off the ledger and off the provider's bill.

const prices = {
  "claude-sonnet-5": { input: "3.00", cachedInput: "0.30", cacheWrite: "3.75", output: "15.00" },
  "gpt-4o": { input: "2.50", cachedInput: "1.25", output: "10.00", maxOutputTokens: 2_000 },
  "gpt-5.6": { input: "1.25", cachedInput: "0.125", output: "10.00", maxInputTokens: 400_000, maxOutputTokens: 2_000 },
};
let provider: ModelProvider;
beforeEach(() => {
  provider = createModelProvider({ prices });
});

function create(options: Partial<CreateBudgetOptions> = {}): LocalBudget {
  const budget = createBudget({ limit: "$5.00", prices, fetch: provider.fetch, waitMs: 0, ...options });
  onTestFinished(() => budget.close());
  return budget;
}

async function closed(budget: LocalBudget): Promise<{ readonly spent: bigint; readonly holds: bigint }> {
  await vi.waitFor(async () => expect((await budget.balance()).reserved.amount).toBe(0n), { timeout: 5_000 });
  await budget.flush();
  const { spent, reserved } = await budget.balance();
  return { spent: spent.amount, holds: reserved.amount };
}

function committed(budget: LocalBudget): (string | undefined)[] {
  const spenders: (string | undefined)[] = [];
  budget.on("settled", ({ settlement, call }) => {
    if (settlement.status === "committed") spenders.push(call?.subject?.agent);
  });
  return spenders;
}

const schema = { type: "object", properties: { at: { type: "string" } }, required: ["at"] } as const;
const look = tool(() => "seen", { name: "look", description: "Looks.", schema });
const toolCalls = [{ name: "look", input: { at: "it" } }];
const input = { messages: [{ role: "user" as const, content: "Look." }] };

const levels = [
  { level: "over a guarded fetch", below: (budget: LocalBudget) => budget.fetch },
  { level: "alone", below: () => provider.fetch },
];
const wires = [
  { wire: "responses", name: "gpt-5.6", useResponsesApi: true },
  { wire: "chat", name: "gpt-4o", useResponsesApi: false },
];
const each = levels.flatMap((level) => wires.map((wire) => ({ ...level, ...wire })));

describe.each(each)("an agent on $wire, $level", ({ below, name, useResponsesApi }) => {
  const model = (budget: LocalBudget, maxTokens?: number) =>
    new ChatOpenAI({
      model: name,
      useResponsesApi,
      apiKey: "test",
      maxRetries: 0,
      ...(maxTokens !== undefined && { maxTokens }),
      configuration: { fetch: below(budget) },
    });

  it("a tool loop of three steps: the ledger equals the bill, with one charge a step", async () => {
    const budget = create();
    const charges = committed(budget);
    provider.next({ toolCalls }, { toolCalls, reasoningTokens: 20 });
    const agent = createAgent({ model: model(budget), tools: [look], middleware: [budgetMiddleware(budget)] });
    const { messages } = await agent.invoke(input);
    expect(messages).toHaveLength(6);
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
    expect(charges).toHaveLength(3);
  });

  it("a run that is streamed", async () => {
    const budget = create();
    provider.next({ toolCalls });
    const agent = createAgent({ model: model(budget), tools: [look], middleware: [budgetMiddleware(budget)] });
    for await (const _chunk of await agent.stream(input, { streamMode: "messages" }));
    expect(provider.calls).toHaveLength(2);
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
  });

  it("a denial is thrown after one attempt, and nothing is sent", async () => {
    const budget = create({ limit: "$0.0001" });
    const denied = vi.fn();
    budget.on("denied", denied);
    const agent = createAgent({ model: model(budget), tools: [look], middleware: [budgetMiddleware(budget)] });
    const error = await agent.invoke(input).catch((thrown: unknown) => thrown);
    expect(denialOf(error)).toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
    expect(denied).toHaveBeenCalledOnce();
    expect(provider.calls).toEqual([]);
  });

  it('with onDenied "end" the denial is the last message', async () => {
    const budget = create({
      policy: ({ budgets: [books] }) => (books && books.spent > 0n ? { deny: { reasonCode: "ENOUGH" } } : {}),
    });
    provider.next({ toolCalls });
    const middleware = [budgetMiddleware(budget, { onDenied: "end" })];
    const { messages } = await createAgent({ model: model(budget), tools: [look], middleware }).invoke(input);
    expect(messages.at(-1)?.response_metadata).toEqual({ finish_reason: "budget_denied", reason_code: "ENOUGH" });
    expect(provider.calls).toHaveLength(1);
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
  });

  it("caps lower the limit of the answer and take tools away", async () => {
    const budget = create({ policy: [{ caps: { max_tokens: 64, tool_denylist: ["pay"] } }] });
    const pay = tool(() => "paid", { name: "pay", description: "Pays.", schema });
    const agent = createAgent({
      model: model(budget, 500),
      tools: [look, pay],
      middleware: [budgetMiddleware(budget)],
    });
    await agent.invoke(input);
    const body = JSON.stringify(provider.calls[0]?.body);
    expect(body).toMatch(/"max_(?:output|completion)?_?tokens":64\b/);
    expect(body).toContain('"look"');
    expect(body).not.toContain('"pay"');
  });

  it("a sub-agent spends under its own name, out of the same budget", async () => {
    const budget = create();
    const spenders = committed(budget);
    const reader = createAgent({
      model: model(budget),
      middleware: [budgetMiddleware(budget.for({ agent: "reader" }))],
    });
    const read = tool(async () => (await reader.invoke(input)).messages.at(-1)?.text ?? "", {
      name: "read",
      description: "Reads.",
      schema,
    });
    provider.next({ toolCalls: [{ name: "read", input: { at: "it" } }] });
    const middleware = [budgetMiddleware(budget.for({ agent: "writer" }))];
    await createAgent({ model: model(budget), tools: [read], middleware }).invoke(input);
    expect(spenders).toEqual(["writer", "reader", "writer"]);
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
  });

  it("a tool that is denied says so to its model, or ends the run", async () => {
    const budget = create();
    const poor = create({ limit: "$0.0001" });
    const reader = createAgent({ model: model(poor), middleware: [budgetMiddleware(poor)] });
    const read = tool(async () => (await reader.invoke(input)).messages.length, {
      name: "read",
      description: "Reads.",
      schema,
    });
    const asked = { toolCalls: [{ name: "read", input: { at: "it" } }] };
    provider.next(asked);
    const kind = createAgent({
      model: model(budget),
      tools: [read],
      middleware: [budgetMiddleware(budget, { onDenied: "end" })],
    });
    const { messages } = await kind.invoke(input);
    expect(messages.map(({ type }) => type)).toEqual(["human", "ai", "tool", "ai"]);
    expect(messages[2]).toMatchObject({
      status: "error",
      content: expect.stringContaining("too little left") as string,
    });
    provider.next(asked);
    const strict = createAgent({ model: model(budget), tools: [read], middleware: [budgetMiddleware(budget)] });
    expect(denialOf(await strict.invoke(input).catch((error: unknown) => error))).toBeDefined();
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
  });
});

it("a model of Anthropic's hands the reservation down too, and is limited by caps", async () => {
  const budget = create({ policy: [{ caps: { max_tokens: 64 } }] });
  const charges = committed(budget);
  const clientOptions = { fetch: budget.fetch };
  const model = new ChatAnthropic({ model: "claude-sonnet-5", apiKey: "test", maxTokens: 500, clientOptions });
  provider.next({ toolCalls });
  await createAgent({ model, tools: [look], middleware: [budgetMiddleware(budget)] }).invoke(input);
  expect(charges).toHaveLength(2);
  expect(provider.calls.map(({ body }) => body["max_tokens"])).toEqual([64, 64]);
  expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
});

it("a stream whose usage nobody states is charged no less than the provider does", async () => {
  const budget = create();
  provider.next({ usage: (usage) => Object.fromEntries(Object.keys(usage).map((name) => [name, null])) });
  const configuration = { fetch: provider.fetch };
  const model = new ChatOpenAI({ model: "gpt-4o", apiKey: "test", maxRetries: 0, configuration });
  const agent = createAgent({ model, middleware: [budgetMiddleware(budget)] });
  for await (const _chunk of await agent.stream(input, { streamMode: "messages" }));
  expect((await closed(budget)).spent).toBeGreaterThanOrEqual(provider.bill.amount);
});

it("retries of the model over a guarded fetch are settled one by one, for the same agent", async () => {
  const budget = create();
  const spenders = committed(budget);
  const billed = { fault: { kind: "status", status: 502, form: "bare", billed: true } } as const;
  provider.next(billed, billed);
  const model = new ChatOpenAI({ model: "gpt-4o", apiKey: "test", configuration: { fetch: budget.fetch } });
  await createAgent({ model, middleware: [budgetMiddleware(budget.for({ agent: "writer" }))] }).invoke(input);
  const { spent } = await closed(budget);
  expect(provider.calls).toHaveLength(3);
  expect(spent).toBeGreaterThanOrEqual(provider.bill.amount);
  expect(spenders).toEqual(["writer", "writer", "writer"]);
}, 30_000);
