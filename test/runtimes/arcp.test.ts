import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createArcpRuntime } from "@imprest/arcp/runtime";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KillingServer, serveAndKill } from "../faults/arcp-server.ts";
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

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "imprest-arcp-"));
});
afterAll(() => {
  runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

const hosts = runtimes.filter(({ entry }) => entry !== "workerd");

describe.each(hosts)("an ARCP session on $name", ({ name, entry, isInstalled, run }) => {
  // CI brings every runtime; elsewhere a missing browser is no failure.
  it.skipIf(!isInstalled && process.env["CI"] === undefined)("goes through a killed socket to its end", async () => {
    const server: KillingServer = await serveAndKill(runtime, (frame) => frame === 12);
    const bundle = join(folder, `${entry}-${name.replace(" ", "-")}.mjs`);
    await build({
      entryPoints: [join(import.meta.dirname, `entries/arcp-${entry}.ts`)],
      outfile: bundle,
      bundle: true,
      format: "esm",
      platform: "neutral",
      target: "es2023",
      conditions: ["@imprest/source", "browser"],
      define: { arcpUrl: JSON.stringify(server.url) },
    });
    const printed = await run(bundle);
    server.close();
    const logs = Array.from({ length: 20 }, (_, at) => `event ${at}`);
    expect(JSON.parse(printed)).toEqual({
      events: ["status", ...logs, "metric", "metric"],
      result: { a: 1 },
      streamed: "héllo wörld",
      left: "0.9",
      cancelled: "cancelled",
      refused: "AGENT_NOT_AVAILABLE",
      state: "closed",
    });
    expect(server.connections).toBe(2);
  });
});
