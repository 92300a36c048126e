import { createOpenAI } from "@ai-sdk/openai";
import { budgetLeft, budgetMiddleware } from "@imprest/ai-sdk";
import { type ModelProvider, createModelProvider } from "@imprest/testing/models";
import { generateImage, wrapImageModel, wrapProvider } from "ai";
import { type CreateBudgetOptions, type LocalBudget, createBudget, denialOf, usd } from "imprest";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type Host, hosts } from "./hosts.ts";

// The real SDK before a provider with books of its own: what follows is read off the ledger and off the provider's bill.

const prices = {
  "gpt-5.6": { input: "1.25", cachedInput: "0.125", output: "10.00", maxInputTokens: 400_000, maxOutputTokens: 2_000 },
  "text-embedding-4": { input: "0.02" },
  "gpt-image-2": { input: "5.00", imageOutput: "40.00", maxOutputTokens: 8_000 },
  "dall-e-4": { per: { image: "0.04" } },
};
let provider: ModelProvider;
beforeEach(() => {
  globalThis.AI_SDK_LOG_WARNINGS = false;
  provider = createModelProvider({ prices });
});

function create(options: Partial<CreateBudgetOptions> = {}): LocalBudget {
  const budget = createBudget({ limit: "$5.00", prices, fetch: provider.fetch, ...options });
  onTestFinished(() => budget.close());
  return budget;
}

/** The books once nothing is held any more. */
async function closed(budget: LocalBudget): Promise<{ readonly spent: bigint; readonly holds: bigint }> {
  await vi.waitFor(async () => expect((await budget.balance()).reserved.amount).toBe(0n), { timeout: 5_000 });
  await budget.flush();
  const { spent, reserved } = await budget.balance();
  return { spent: spent.amount, holds: reserved.amount };
}

const inputSchema = ({ ai }: Host) =>
  ai.jsonSchema<{ at: string }>({ type: "object", properties: { at: { type: "string" } }, required: ["at"] });
const look = (host: Host) => host.ai.tool({ inputSchema: inputSchema(host), execute: () => "seen" });
const toolCalls = [{ name: "look", input: { at: "it" } }];

/** Where the money is held and settled: by a guarded fetch below, or by the middleware alone. */
const levels = [
  { level: "over a guarded fetch", below: (budget: LocalBudget) => ({ fetch: budget.fetch }) },
  { level: "alone", below: () => ({ fetch: provider.fetch }) },
];
const each = hosts.flatMap((host) => levels.map((level) => ({ host, ...level, name: `${host.name} ${level.level}` })));

describe.each(each)("$name", ({ host, below }) => {
  const { generateText, streamText, stepCountIs, embedMany } = host.ai;

  it("a tool loop of three steps: the ledger equals the bill, with one reservation a step", async () => {
    const budget = create();
    const charged: unknown[] = [];
    budget.on("settled", ({ settlement }) => charged.push(...(settlement.status === "committed" ? [settlement] : [])));
    provider.next({ toolCalls }, { toolCalls, reasoningTokens: 20 });
    const model = host.model(budget, below(budget));
    const { steps } = await generateText({
      model,
      prompt: "Look.",
      tools: { look: look(host) },
      stopWhen: stepCountIs(5),
    });
    expect(steps).toHaveLength(3);
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
    expect(charged).toHaveLength(3);
  });

  it("a stream is settled when its reader has read it", async () => {
    const budget = create();
    const model = host.model(budget, below(budget));
    const { textStream } = streamText({ model, prompt: "Say what you are." });
    for await (const text of textStream) expect(text).not.toBe("");
    const { spent, reserved } = await budget.balance();
    expect({ spent, reserved: reserved.amount }).toEqual({ spent: provider.bill, reserved: 0n });
  });

  it("a stream whose reader leaves is read to its end, and its books are the bill", async () => {
    const budget = create();
    provider.next({ outputTokens: 300, eventDelayMs: 1 });
    const model = host.model(budget, below(budget));
    const { textStream } = streamText({ model, prompt: "Say what you are." });
    for await (const text of textStream) if (text !== "") break;
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
    expect(provider.calls[0]?.counts.output).toBe(300);
  });

  it("a stream that its caller aborts is charged no less than the provider does", async () => {
    const budget = create();
    const caller = new AbortController();
    provider.next({ outputTokens: 300, eventDelayMs: 5 });
    const model = host.model(budget, below(budget));
    const { fullStream } = streamText({ model, prompt: "Go on.", abortSignal: caller.signal });
    for await (const part of fullStream) if (part.type === "text-delta") caller.abort();
    const { spent } = await closed(budget);
    expect(spent).toBeGreaterThanOrEqual(provider.bill.amount);
    expect(provider.calls[0]?.counts.output).toBeLessThan(300);
  });

  it("attempts that fail are settled one by one", async () => {
    const budget = create();
    const soon = { "retry-after-ms": "1" };
    provider.next(
      { fault: { kind: "status", status: 429, headers: soon } },
      { fault: { kind: "status", status: 500, headers: soon } },
    );
    const model = host.model(budget, below(budget));
    await generateText({ model, prompt: "Say what you are." });
    expect(provider.calls).toHaveLength(3);
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
  });

  it("a denial ends in one attempt, and nothing is sent", async () => {
    const budget = create({ limit: "$0.0001" });
    const model = host.model(budget, below(budget));
    const onError = vi.fn();
    const refused = await generateText({ model, prompt: "Say what you are." }).catch((error: unknown) => error);
    await streamText({ model, prompt: "Say what you are.", onError }).consumeStream();
    expect(denialOf(refused)).toMatchObject({ reasonCode: "BUDGET_EXCEEDED" });
    expect(onError.mock.calls.map(([{ error }]) => denialOf(error)?.reasonCode)).toEqual(["BUDGET_EXCEEDED"]);
    expect(provider.calls).toEqual([]);
  });

  it("money for one call is held once", async () => {
    // Holds 2,000 tokens of answer, and not 4,000.
    const budget = create({ limit: "$0.03", waitMs: 0 });
    const model = host.model(budget, below(budget));
    await generateText({ model, prompt: "Say what you are." });
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
  });

  it("caps lower the limit of the answer and take tools away", async () => {
    const budget = create({ policy: [{ caps: { max_tokens: 64, tool_denylist: ["pay"] } }] });
    const model = host.model(budget, below(budget));
    const tools = ["look", "pay"].map((name) => ({
      type: "function" as const,
      name,
      inputSchema: { type: "object" as const },
    }));
    const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Look." }] }];
    await model.doGenerate({ prompt, tools, toolChoice: { type: "tool", toolName: "pay" }, maxOutputTokens: 500 });
    const [call] = provider.calls;
    expect(call?.body).toMatchObject({ max_output_tokens: 64, tools: [{ name: "look" }] });
    expect(call?.body["tool_choice"]).not.toMatchObject({ name: "pay" });
  });

  it("embeddings are settled by their tokens", async () => {
    const budget = create();
    await embedMany({ model: host.embedding(budget, below(budget)), values: ["one", "two and more"] });
    expect(provider.bill.amount).toBeGreaterThan(0n);
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
  });

  it("sub-agents spend under their own names, out of one budget", async () => {
    const budget = create();
    const spenders: unknown[] = [];
    budget.on("settled", ({ settlement, call }) => {
      if (settlement.status === "committed") spenders.push(call?.subject?.agent);
    });
    const agent = (name: string) => host.model(budget.for({ agent: name }), below(budget));
    const ask = host.ai.tool({
      inputSchema: inputSchema(host),
      execute: async () => (await generateText({ model: agent("reader"), prompt: "Read it." })).text,
    });
    provider.next({ toolCalls: [{ name: "ask", input: { at: "it" } }] });
    await generateText({ model: agent("writer"), prompt: "Write.", tools: { ask }, stopWhen: stepCountIs(3) });
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
    expect(spenders).toEqual(["writer", "reader", "writer"]);
  });

  it("budgetLeft ends a tool loop before its next step", async () => {
    const budget = create();
    const model = host.model(budget, below(budget));
    for (let step = 0; step < 20; step += 1) provider.next({ toolCalls, reasoningTokens: 1_000 });
    const left = usd("4.98");
    const stopWhen = [stepCountIs(20), budgetLeft(budget, left)];
    const { steps } = await generateText({ model, prompt: "Look.", tools: { look: look(host) }, stopWhen });
    const { remaining } = await budget.balance();
    // A step costs a little more than a cent.
    expect(steps).toHaveLength(2);
    expect(remaining.amount).toBeLessThan(left.amount);
  });

  it("the header between the two levels does not reach the provider from a guarded fetch", async () => {
    const budget = create();
    await generateText({ model: host.model(budget, below(budget)), prompt: "Hi." });
    const own = Object.keys(provider.calls[0]?.headers ?? {}).filter((name) => name.startsWith("imprest-"));
    expect(own).toEqual(below(budget).fetch === budget.fetch ? [] : ["imprest-reservation"]);
  });
});

describe.each(levels)("images, $level", ({ below }) => {
  it.each(["gpt-image-2", "dall-e-4"] as const)("%s is settled by what it is charged by", async (name) => {
    const budget = create();
    const model = createOpenAI({ apiKey: "test", ...below(budget) }).imageModel(name);
    await generateImage({
      model: wrapImageModel({ model, middleware: budgetMiddleware(budget) }),
      prompt: "A hut.",
      n: 2,
    });
    expect(provider.bill.amount).toBeGreaterThan(0n);
    expect(await closed(budget)).toEqual({ spent: provider.bill.amount, holds: 0n });
  });
});

it("a whole provider takes it", () => {
  const budget = create();
  const middleware = budgetMiddleware(budget);
  const wrapped = wrapProvider({
    provider: createOpenAI({ apiKey: "test", fetch: budget.fetch }),
    languageModelMiddleware: middleware,
    imageModelMiddleware: middleware,
  });
  expect(wrapped.languageModel("gpt-5.6").modelId).toBe("gpt-5.6");
});
