import { serveStdio } from "../../src/node/runtime.ts";
import { createArcpRuntime } from "../../src/runtime/index.ts";

const runtime = createArcpRuntime({ authenticate: (token) => (token === "tok-alice" ? "alice" : undefined) });
runtime.agent("echo", ({ input }) => input);
await serveStdio(runtime);
runtime.close();
