import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createArcpRuntime } from "@imprest/arcp/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KillingServer, serveAndKill } from "../faults/arcp-server.ts";
import { buildSuite } from "./build.ts";
import { runtimes } from "./run.ts";

// The same session code, over each host's own WebSocket; the socket is killed once in the middle of the first job.

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

const out = join(import.meta.dirname, ".out");
let folder: string;
beforeAll(() => {
  mkdirSync(out, { recursive: true });
  folder = mkdtempSync(join(out, "arcp-"));
});
afterAll(() => {
  runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(runtimes)("an ARCP session on $name", ({ name, entry, isInstalled, run }) => {
  // CI brings every runtime; elsewhere a missing browser is no failure.
  it.skipIf(!isInstalled && process.env["CI"] === undefined)("goes through a killed socket to its end", async () => {
    const server: KillingServer = await serveAndKill(runtime, (frame) => frame === 12);
    const outfile = join(folder, `${name.replaceAll(" ", "-")}.mjs`);
    await buildSuite({ suite: "arcp", entry, outfile, define: { arcpUrl: server.url } });
    const printed = await run(outfile);
    server.close();
    const logs = Array.from({ length: 20 }, (_, at) => `event ${at}`);
    expect(JSON.parse(printed.slice(printed.indexOf("{"), printed.lastIndexOf("}") + 1))).toEqual({
      events: ["status", ...logs, "metric", "metric"],
      result: { a: 1 },
      streamed: "héllo wörld",
      left: "0.9",
      cancelled: "cancelled",
      refused: "AGENT_NOT_AVAILABLE",
      state: "closed",
      listeners: 0,
    });
    expect(server.connections).toBe(2);
  });
});
