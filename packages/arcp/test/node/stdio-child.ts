import { createArcpRuntime } from "@imprest/arcp/runtime";
import { serveStdio } from "@imprest/arcp/runtime/node";

const runtime = createArcpRuntime({ authenticate: () => "parent" });
runtime.agent("echo", (context) => context.input);
runtime.agent("die", () => process.exit(7));
await serveStdio(runtime);
