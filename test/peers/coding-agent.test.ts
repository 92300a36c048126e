import { usd } from "@imprest/core";
import { createPrefixMap, denialOf } from "@imprest/llm";
import { expect, it } from "vitest";
import { type Bench, openBench } from "./books.ts";
import { type Conversation, type Sdk, loadSdks } from "./sdks.ts";

// Three coding agents share five dollars. Their prompts are some 300 kB, of which most is cached, and every request may
// answer with 32,000 tokens: a guard that cannot bound a request closely would hold most of the budget for nothing.

const budget = usd("5.00");
const sdks = (await loadSdks()).filter((sdk) => sdk.turn !== undefined);

/** What the agents read again with every turn. */
const repository = "export const answer = 42; // a line of the repository\n".repeat(4_300);
/** What a tool returns between two turns, different every time. */
const toolResult = (agent: number, turn: number): string => `${agent}.${turn}: a line of a file\n`.repeat(500);
const turnsEach = 8;
const outputTokens = 3_000;

/** Works in conversations of some turns each until the budget says no. */
async function work(sdk: Sdk, agent: number, { fetch, bare, adapters }: Bench): Promise<unknown> {
  for (let started = 0; started < 100; started += 1) {
    const messages: { role: "user" | "assistant"; content: string }[] = [];
    for (let turn = 0; turn < turnsEach; turn += 1) {
      messages.push({ role: "user", content: toolResult(agent, started * turnsEach + turn) });
      const sending = { fetch, bare, adapters, model: sdk.model, maxTokens: 32_000 };
      const conversation: Conversation = { ...sending, system: repository, messages };
      try {
        messages.push({ role: "assistant", content: (await sdk.turn?.(conversation)) ?? "" });
      } catch (error) {
        return error;
      }
    }
  }
  throw new Error("the budget never said no");
}

it.each(sdks)("$name: three coding agents spend most of five dollars, and never more", async (sdk) => {
  const prefixes = createPrefixMap();
  const bench = await openBench({ budget, prefixes, waitMs: 30_000, answer: () => ({ outputTokens }) });
  const ends = await Promise.all([1, 2, 3].map((agent) => work(sdk, agent, bench)));
  const { spent, reserved, deadLetters } = await bench.closed();
  expect(ends.map((end) => denialOf(end)?.reasonCode)).toEqual(ends.map(() => "BUDGET_EXCEEDED"));

  const calls = bench.provider.calls.map(({ counts, body }) => {
    const { input, cachedInput, cacheWrite } = counts;
    return { bytes: JSON.stringify(body).length, prompt: input + cachedInput + cacheWrite, cached: cachedInput };
  });
  const mean = (of: (call: (typeof calls)[number]) => number): number =>
    calls.reduce((sum, call) => sum + of(call), 0) / calls.length;
  expect(mean(({ bytes }) => bytes)).toBeGreaterThan(280_000);
  expect(mean(({ cached }) => cached) / mean(({ prompt }) => prompt)).toBeGreaterThan(0.87);

  expect({ spent, reserved, deadLetters }).toEqual({ spent: bench.provider.bill, reserved: 0n, deadLetters: [] });
  expect(spent.amount).toBeGreaterThanOrEqual(usd("3.50").amount);
  expect(spent.amount).toBeLessThanOrEqual(budget.amount);
});
