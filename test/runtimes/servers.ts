import { createArcpRuntime } from "@imprest/arcp/runtime";
import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { serveAndKill } from "../faults/arcp-server.ts";
import type { World } from "./check.ts";

// What the runtimes talk to, on loopback.

export interface CyclesServer extends AsyncDisposable {
  readonly cycles: World["cycles"];
}

export async function serveCycles(): Promise<CyclesServer> {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1000") });
  const { key } = await embedded.apiKeys.create({ tenant: "acme" });
  const server = await serve(embedded, { port: 0 });
  return { cycles: { url: server.url, key }, [Symbol.asyncDispose]: () => server.close() };
}

export interface ArcpServer extends AsyncDisposable {
  readonly url: string;
  /** Sockets so far. */
  readonly connections: () => number;
}

/** The agents of `runArcpSession`, behind a socket that is killed once in the middle of the first job. */
export async function serveArcp(): Promise<ArcpServer> {
  const runtime = createArcpRuntime({ authenticate: (token) => (token === "secret" ? "alice" : undefined) });
  runtime.agent("worker@1.0.0", async (context) => {
    for (let at = 0; at < 20; at++) await context.log("info", `event ${at}`);
    await context.metric({ name: "cost.work", value: "0.1", unit: "USD" });
    return context.input;
  });
  runtime.agent("chunks", async (context) => {
    for (const part of ["héllo ", "wörld"]) await context.result.write(part);
  });
  runtime.agent("slow", (context) => new Promise((_, reject) => context.signal.addEventListener("abort", reject)));
  const server = await serveAndKill(runtime, (frame) => frame === 12);
  const end = async (): Promise<void> => {
    server.close();
    runtime.close();
  };
  return { url: server.url, connections: () => server.connections, [Symbol.asyncDispose]: end };
}
