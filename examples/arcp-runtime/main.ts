// A runtime and a client in one process: an agent asks a model under the budget of its job's lease.
import { connect, createMemoryPair } from "@imprest/arcp";
import { createArcpRuntime } from "@imprest/arcp/runtime";
import { guard, usd } from "@imprest/core";

/** Stands in for a model that is paid by the word. */
async function askModel(prompt: string): Promise<{ text: string; cost: string }> {
  return { text: prompt.toUpperCase(), cost: "0.0125" };
}

// #region runtime
const runtime = createArcpRuntime({ authenticate: (token) => (token === "secret" ? "alice" : undefined) });

runtime.agent("shout@1.0.0", async (context) => {
  const request = { estimate: usd("0.05"), action: { kind: "llm.completion", name: "tier-fast/small" } };
  const ask = guard(context.authority(), request, (_reservation, prompt: string) => askModel(prompt), {
    spend: ({ cost }) => usd(cost),
    partial: "estimate", // a call that fails may have been billed
  });
  const answers: string[] = [];
  for (const prompt of context.input as string[]) {
    await context.progress({ current: answers.length, total: (context.input as string[]).length });
    answers.push((await ask(prompt)).text);
  }
  return { answers, left: context.remaining("USD") };
});
// #endregion

const session = await connect(
  () => {
    const [near, far] = createMemoryPair();
    runtime.accept(far);
    return near;
  },
  { token: "secret" },
);
const lease = { "model.use": ["tier-fast/*"], "cost.budget": ["USD:1.00"] };
const job = await session.submit({ agent: "shout", input: ["hello", "goodbye"], lease });
console.log(await job.result());

const forbidden = await session.submit({ agent: "shout", input: ["hello"], lease: { "cost.budget": ["USD:1.00"] } });
console.log(await forbidden.result().catch((error: unknown) => String(error)));

await session.close();
runtime.close();
