import { execFile, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { createModelProvider } from "@imprest/testing/models";
import { serveModels } from "@imprest/testing/models/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { builtPackages, packAll } from "../package/support/pack.ts";

// The packed packages in an application of Next: a guarded call where it renders on the server, the guard and the verifier
// in the browser's part. A suite of its own, because Next weighs more than everything else here together.

const versions = { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1", openai: "7.55.0" };
/** What a model costs, to the route and to the provider that stands in. */
const prices = { "gpt-5.6": { input: "1.25", output: "10.00", maxOutputTokens: 2_000 } };
const run = promisify(execFile);
const app = mkdtempSync(join(tmpdir(), "imprest-next-"));
const next = [join(app, "node_modules/next/dist/bin/next")];
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" };

const files: Readonly<Record<string, string>> = {
  "app/layout.jsx": "export default function Layout({ children }) { return <html><body>{children}</body></html>; }",
  "app/page.jsx": `
    import { usd, withReservation } from "@imprest/core";
    import { createEmbeddedAuthority } from "@imprest/embedded";
    import { Verifier } from "./verifier.jsx";
    export const dynamic = "force-dynamic";
    export default async function Page() {
      const embedded = createEmbeddedAuthority();
      await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.05") });
      const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
      const authority = embedded.authority({ tenant: "acme" });
      const { value, settlement } = await withReservation(authority, request, async () => "ran", { spend: () => usd("0.01") });
      return <main><p>{value + " " + settlement.status + " " + settlement.charged.amount}</p><Verifier /></main>;
    }`,
  "app/verifier.jsx": `"use client";
    import { useState } from "react";
    import { CyclesAuthority, withReservation } from "@imprest/cycles";
    import { verifyEvidence } from "@imprest/cycles/evidence";
    import { usd } from "@imprest/core";
    const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
    export function Verifier() {
      const [said, say] = useState("");
      const verify = async () => say((await verifyEvidence("{}")).disposition);
      const guard = () => withReservation(
        new CyclesAuthority({ baseUrl: location.origin, apiKey: () => "from-my-server", subject: { tenant: "acme" } }),
        request, () => verify(), { settle: "estimate" });
      return <button onClick={guard}>{said}</button>;
    }`,
};

beforeAll(async () => {
  const tarballs = await packAll(builtPackages(), join(app, "tarballs"));
  const ours = Object.fromEntries(
    Array.from(tarballs, ([name, file]) => [name, `file:./tarballs/${basename(file)}`] as const),
  );
  writeFileSync(join(app, "package.json"), JSON.stringify({ private: true, dependencies: { ...versions, ...ours } }));
  const overrides = Object.entries(ours).map(([name, file]) => `  "${name}": "${file}"\n`);
  writeFileSync(join(app, "pnpm-workspace.yaml"), `nodeLinker: hoisted\noverrides:\n${overrides.join("")}`);
  await run("pnpm", ["install", "--no-frozen-lockfile", "--ignore-scripts", "--prod"], { cwd: app });
  cpSync(join(import.meta.dirname, "app"), join(app, "app"), { recursive: true });
  writeFileSync(join(app, "prices.json"), JSON.stringify(prices));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(app, file), text);
  // A route is loaded while the application is built.
  await run(process.execPath, [...next, "build"], { cwd: app, env: { ...env, OPENAI_API_KEY: "none" } });
}, 300_000);
afterAll(() => rmSync(app, { recursive: true, force: true }));

/** Starts the application, and stops it after `use`. */
async function started(more: NodeJS.ProcessEnv, use: (url: string) => Promise<void>): Promise<void> {
  const server = spawn(process.execPath, [...next, "start", "--port", "0"], {
    cwd: app,
    env: { ...env, OPENAI_API_KEY: "none", ...more },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let printed = "";
      server.stdout.on("data", (data: Buffer) => {
        printed += data.toString();
        const [found] = /http:\/\/localhost:\d+/.exec(printed) ?? [];
        if (found !== undefined) resolve(found);
      });
      server.once("exit", (code) => reject(new Error(`next start ended with ${code}: ${printed}`)));
    });
    await use(url);
  } finally {
    server.kill();
  }
}

it("guards a call where the page is rendered", async () => {
  await started({}, async (url) => {
    expect(await (await fetch(url)).text()).toContain("ran committed 1000000");
  });
});

it("a route streams answers until its budget is used up, and then answers 402", async () => {
  const provider = createModelProvider({ prices, answer: () => ({ outputTokens: 250 }) });
  const models = await serveModels(provider);
  await started({ OPENAI_BASE_URL: `${models.url}/v1` }, async (url) => {
    const ask = (signal?: AbortSignal) =>
      fetch(`${url}/api/ask`, { method: "POST", body: "Tell me more.", ...(signal && { signal }) });
    expect((await (await ask()).text()).length).toBeGreaterThan(250);
    // A client that leaves; its call is charged, and holds nothing.
    const leaving = new AbortController();
    await (await ask(leaving.signal)).body?.getReader().read();
    leaving.abort();
    let status = 200;
    for (let count = 0; status === 200 && count < 100; count += 1) {
      const response = await ask();
      ({ status } = response);
      const text = await response.text();
      if (status !== 200) expect(text).toContain("budget_denied");
    }
    expect(status).toBe(402);
    expect(provider.bill.amount).toBeLessThanOrEqual(5_000_000n);
    expect(provider.bill.amount).toBeGreaterThan(4_000_000n);
  });
  await models.close();
});

it("the browser's part holds the guard and the verifier, and nothing of Node", () => {
  const folder = join(app, ".next/static");
  const scripts = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
  const text = scripts.map((file) => readFileSync(join(folder, file), "utf8")).join("\n");
  expect(text).toContain("x-cycles-api-key");
  expect(text).toContain("signature_invalid");
  expect(text).not.toMatch(/\bfrom\s*["']node:|require\(["']node:|undici/);
});
