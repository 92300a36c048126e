// docs/guides/arcp-jobs.md: a runtime and a client: jobs under a budget, one that exceeds it, one whose connection is lost.
import assert from "node:assert/strict";

// #region runtime
import { guard, usd } from "@imprest/core";
import { createArcpRuntime } from "@imprest/arcp/runtime";
import { serveWebSocket } from "@imprest/arcp/runtime/node"; // needs the package ws

const runtime = createArcpRuntime({ authenticate: (token) => (token === "secret" ? "alice" : undefined) });

runtime.agent("researcher@1.0.0", async (context) => {
  const search = guard(
    context.authority(), // the job's lease: what it does not cover is not run
    { estimate: usd("0.05"), action: { kind: "tool.call", name: "search" } },
    (_reservation, source: string) => ({ found: `what ${source} knows`, cost: usd("0.04") }),
    { spend: ({ cost }) => cost, partial: "estimate" }, // partial: what a search that fails is charged
  );
  const sources = context.input as string[];
  const found: string[] = [];
  for (const [at, source] of sources.entries()) {
    found.push((await search(source)).found);
    await context.progress({ current: at + 1, total: sources.length, units: "sources" });
  }
  return found;
});
let server = await serveWebSocket(runtime, { port: 0 });
// #endregion
const { url } = server;

let letItFinish = (): void => {};
const reopened = new Promise<void>((resolve) => {
  letItFinish = resolve;
});
runtime.agent("patient@1.0.0", async () => {
  await reopened;
  return "done";
});

// #region job
import { connect } from "@imprest/arcp";

const session = await connect(url, { token: () => "secret" });

const lease = { "tool.call": ["search"], "cost.budget": ["USD:0.10"] };
const job = await session.submit({ agent: "researcher", input: ["library", "archive"], lease });
for await (const event of job) {
  if (event.kind === "progress") console.log(`${event.body.current} of ${event.body.total} ${event.body.units}`);
}
console.log(await job.result(), `left: USD ${job.budget.remaining("USD")}`);
// #endregion

assert.deepEqual(await job.result(), ["what library knows", "what archive knows"]);
assert.equal(String(job.budget.remaining("USD")), "0.02");

// #region exhausted
const greedy = await session.submit({ agent: "researcher", input: ["library", "archive", "web"], lease });
const outcome = await greedy.outcome(); // as result(), without throwing
console.log(outcome.status, outcome.status === "error" && outcome.error.errorCode); // error BUDGET_EXHAUSTED
// #endregion

assert.ok(outcome.status === "error" && outcome.error.errorCode === "BUDGET_EXHAUSTED");

// #region editor
runtime.agent("editor@1.0.0", async (context) => {
  const part = { "tool.call": ["search"], "cost.budget": ["USD:0.10"] }; // a part of this job's lease, for each researcher
  const shelves = context.input as string[][];
  const researchers = await Promise.all(
    shelves.map((input) => context.delegate({ agent: "researcher", input, lease: part })),
  );
  const found = await Promise.allSettled(researchers.map((researcher) => researcher.result()));
  return found.map((one) => (one.status === "fulfilled" ? one.value : "ran out of money"));
});
// #endregion

// #region two-agents
const article = await session.submit({
  agent: "editor",
  input: [
    ["library", "archive"],
    ["web", "radio", "press"],
  ],
  lease: { "agent.delegate": ["researcher@*"], "tool.call": ["search"], "cost.budget": ["USD:0.20"] },
});
console.log(await article.result());
for (const child of article.children) console.log(child.agent, child.status, child.costs);
console.log("spent:", article.costs, `left: USD ${article.budget.remaining("USD")}`);
// #endregion

assert.deepEqual(await article.result(), [["what library knows", "what archive knows"], "ran out of money"]);
assert.deepEqual(
  article.children.map(({ agent, status, costs }) => ({ agent, status, costs })),
  [
    { agent: "researcher@1.0.0", status: "success", costs: { USD: "0.08" } },
    { agent: "researcher@1.0.0", status: "error", costs: { USD: "0.08" } },
  ],
);
assert.deepEqual(article.costs, { USD: "0.16" });

const states: string[] = [];

// #region lost
session.on("state", ({ state }) => states.push(state));
const patient = await session.submit({ agent: "patient" });
await server.close(); // every connection ends; the job does not
server = await serveWebSocket(runtime, { port: Number(new URL(url).port) });
letItFinish();
console.log(await patient.result(), states); // done [ 'suspended', 'resuming', 'live' ]
// #endregion

assert.equal(await patient.result(), "done");
assert.deepEqual(states, ["suspended", "resuming", "live"]);
await session.close();
await server.close();
runtime.close();
