import { createArcpRuntime } from "@imprest/arcp/runtime";
import { serveWebSocket, sqliteJobStore } from "@imprest/arcp/runtime/node";

// A runtime on a file, in a process of its own, to be killed. usage: arcp-durable-server.ts FILE PORT

const [, , file = "", port = "0"] = process.argv;
const runtime = createArcpRuntime({
  authenticate: (token) => token,
  store: sqliteJobStore(file),
  maxFinishedJobs: 100_000,
});
runtime.agent("work", async (context) => {
  for (let current = 1; current <= 5; current++) {
    await context.progress({ current, total: 5 });
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
  }
  return { of: context.input };
});
await runtime.recovered;
const server = await serveWebSocket(runtime, { port: Number(port) });
process.stdout.write(`${server.url}\n`);
