// A client over a real WebSocket: submits a job under a budget, follows it, and reads a result while it is made.
import assert from "node:assert/strict";
import { withReservation } from "@imprest/arcp";
import { createArcpRuntime } from "@imprest/arcp/runtime";
import { serveWebSocket } from "@imprest/arcp/runtime/node";

const runtime = createArcpRuntime({ authenticate: (token) => (token === "secret" ? "alice" : undefined) });
runtime.agent("researcher@1.0.0", async (context) => {
  for (let at = 1; at <= 3; at++) {
    await context.progress({ current: at, total: 3, units: "sources" });
    await context.metric({ name: "cost.search", value: "0.02", unit: "USD" });
  }
  return `what is known about ${String(context.input)}`;
});
runtime.agent("reporter@1.0.0", async (context) => {
  for (const part of ["A report ", "in two parts.\n"]) await context.result.write(part);
});
const server = await serveWebSocket(runtime);
const { url } = server;

// #region follow
import { connect } from "@imprest/arcp";

const session = await connect(url, { token: () => "secret" }); // wss: anywhere but on this machine

const job = await session.submit({
  agent: "researcher@1.0.0",
  input: "imprest funds",
  lease: { "cost.budget": ["USD:1.00"] },
});
for await (const event of job) {
  if (event.kind === "progress") console.log(`${event.body.current} of ${event.body.total} ${event.body.units}`);
  if (event.kind === "metric") console.log(`left: USD ${job.budget.remaining("USD")}`);
}
console.log(await job.result());
// #endregion

assert.equal(await job.result(), "what is known about imprest funds");
assert.equal(String(job.budget.remaining("USD")), "0.94");

// #region stream
const report = await session.submit({ agent: "reporter@1.0.0" });
const decoder = new TextDecoder();
for await (const bytes of report.stream()) process.stdout.write(decoder.decode(bytes, { stream: true }));
// #endregion

// #region reserve
const { value, settlement } = await withReservation(
  session,
  { agent: "researcher@1.0.0", input: "petty cash", lease: { "cost.budget": ["USD:1.00"] } },
  (reserved) => reserved.result(),
);
console.log(value, settlement.spent, settlement.remaining);
// #endregion

assert.equal(value, "what is known about petty cash");

await session.close();
await server.close();
runtime.close();
