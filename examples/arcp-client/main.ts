// A client over a real WebSocket: submits a job under a budget, follows it, and reads a result while it is made.
import { connect, withReservation } from "@imprest/arcp";
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

// #region follow
const session = await connect(server.url, { token: () => "secret" });

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

await session.close();
await server.close();
runtime.close();
