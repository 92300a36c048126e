import { execFile, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtPackages, packAll } from "./support/pack.ts";

// The packages as a user gets them: packed, installed into an empty project, run by other runtimes.

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
const consumer = mkdtempSync(join(tmpdir(), "imprest-consumer-"));
const packages = builtPackages();
const names = packages.map(({ name }) => name);

/** Optional peers, and the folder that has each. */
const peers = [
  [".", "msw"],
  ["packages/ap2", "stripe"],
  ["packages/arcp", "jose"],
  ["packages/integrations/langchain", "langchain"],
  ["packages/integrations/langchain", "@langchain/core"],
  ["packages/integrations/otel", "@opentelemetry/api"],
] as const;

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

beforeAll(async () => {
  const tarballs = await packAll(packages, join(consumer, "tarballs"));
  const overrides = Object.fromEntries(
    names.map((name) => [name, `file:./tarballs/${basename(tarballs.get(name) ?? "")}`]),
  );
  writeFileSync(
    join(consumer, "package.json"),
    JSON.stringify({ private: true, type: "module", dependencies: overrides, pnpm: { overrides } }),
  );
  writeFileSync(
    join(consumer, "pnpm-workspace.yaml"),
    `overrides:\n${Object.entries(overrides)
      .map(([name, file]) => `  "${name}": "${file}"\n`)
      .join("")}`,
  );
  await run("pnpm", ["install", "--no-frozen-lockfile", "--ignore-scripts", "--prod"], { cwd: consumer });
  // Optional peers, as whoever imports `@imprest/testing/msw`, `@imprest/ap2/stripe` and the integrations has them.
  for (const [owner, peer] of peers) {
    mkdirSync(dirname(join(consumer, "node_modules", peer)), { recursive: true });
    symlinkSync(join(root, owner, "node_modules", peer), join(consumer, "node_modules", peer));
  }
}, 120_000);

afterAll(() => rmSync(consumer, { recursive: true, force: true }));

describe.each(names)("the packed %s", (name) => {
  const installed = join(consumer, "node_modules", name);

  it("carries no source condition, no workspace reference and its licence", () => {
    const text = readFileSync(join(installed, "package.json"), "utf8");
    expect(text).not.toContain("@imprest/source");
    expect(text).not.toContain("workspace:");
    expect(text).not.toContain("catalog:");
    expect(existsSync(join(installed, "LICENSE"))).toBe(true);
    expect(existsSync(join(installed, "README.md"))).toBe(true);
  });

  it("has a module and a declaration for each source file, and imports nothing but them by a path", () => {
    const folder = packages.find((one) => one.name === name)?.folder ?? "";
    const filesOf = (below: string, ending: string): string[] =>
      readdirSync(below, { recursive: true, encoding: "utf8" })
        // The pages that imprest serves are another package's build: test/package/pages.test.ts.
        .filter((file) => file.endsWith(ending) && !file.startsWith("web/"))
        .map((file) => file.slice(0, -ending.length))
        .toSorted();
    const dist = join(installed, "dist");
    const sources = filesOf(join(folder, "src"), ".ts");
    expect(filesOf(dist, ".js")).toEqual(sources);
    expect(filesOf(dist, ".d.ts")).toEqual(sources);
    const missing = sources.flatMap((source) => {
      const file = join(dist, `${source}.js`);
      const specifiers = readFileSync(file, "utf8").matchAll(/(?:^import |\bfrom |\bimport\()"(\.\.?\/[^"]*)"/gm);
      return (
        Array.from(specifiers, ([, specifier = ""]) => specifier)
          // The help of `imprest prices` shows how its file is imported.
          .filter((specifier) => specifier !== "./prices.json")
          .filter((specifier) => !specifier.endsWith(".js") || !existsSync(resolve(dirname(file), specifier)))
          .map((specifier) => `${source}.js imports ${specifier}`)
      );
    });
    expect(missing).toEqual([]);
  });

  it("loads every entry", async () => {
    const { exports } = manifestOf(installed);
    const entries = Object.keys(exports).filter((entry) => typeof exports[entry] === "object");
    const script = entries.map((entry) => `await import(${JSON.stringify(`${name}${entry.slice(1)}`)});`).join("\n");
    await run(process.execPath, ["--input-type=module", "-e", script], { cwd: consumer });
  });
});

describe("a TypeScript consumer that checks its libraries", () => {
  const compilers = ["typescript58", "typescript59", "typescript", "typescript7"];
  /** With the types of `fetch` from the DOM, and without a DOM, from Node's own. */
  const libraries = { "the DOM lib": ["es2023", "dom"], "no DOM lib": ["es2023"] };
  const matrix = compilers.flatMap((compiler) =>
    Object.entries(libraries).map(([name, lib]) => ({ compiler, name, lib })),
  );
  const entries = packages.flatMap(({ name, manifest: { exports } }) => {
    const modules = Object.keys(exports).filter((entry) => typeof exports[entry] === "object");
    return modules.map((entry) => `${name}${entry.slice(1)}`);
  });

  it.each(matrix)("compiles every entry with $compiler and $name", async ({ compiler, lib }) => {
    // The declarations of msw are written against the DOM's, and so is the one entry that has msw as its peer. Those of
    // LangChain do not compile with exact optional properties.
    const compiled = entries
      .filter((entry) => lib.includes("dom") || entry !== "@imprest/testing/msw")
      .filter((entry) => entry !== "@imprest/langchain");
    const imports = compiled.map((entry, at) => `import * as entry${at} from ${JSON.stringify(entry)};`);
    const uses = `export const all: object[] = [${compiled.map((_entry, at) => `entry${at}`).join(", ")}];`;
    writeFileSync(join(consumer, "consumer.ts"), `${imports.join("\n")}\n${uses}\n`);
    const settings = { module: "nodenext", target: "es2023", strict: true, exactOptionalPropertyTypes: true };
    const compilerOptions = {
      ...settings,
      lib,
      skipLibCheck: false,
      noEmit: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
    };
    writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
    const tsc = join(root, "node_modules", compiler, "bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", consumer], { cwd: consumer }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  });
});

it("a CommonJS consumer requires every entry", async () => {
  const all = names.flatMap((name) => {
    const { exports } = manifestOf(join(consumer, "node_modules", name));
    const modules = Object.keys(exports).filter((entry) => typeof exports[entry] === "object");
    return modules.map((entry) => `${name}${entry.slice(1)}`);
  });
  const script = `const all = ${JSON.stringify(all)}.map((entry) => Object.keys(require(entry)).length); console.log(all.length);`;
  writeFileSync(join(consumer, "consumer.cjs"), script);
  const { stdout } = await run(process.execPath, ["consumer.cjs"], { cwd: consumer });
  expect(stdout.trim()).toBe(String(all.length));
});

it("an error is told apart by its brand across two copies of a package", async () => {
  const original = realpathSync(join(consumer, "node_modules/@imprest/core"));
  // Beside the original, where its dependencies are found too.
  const copy = `${original}-copy`;
  cpSync(original, copy, { recursive: true });
  const inCopy = pathToFileURL(join(copy, "dist/index.js")).href;
  const script = `
    import { DeniedError, ImprestError, ValidationError } from "@imprest/core";
    import * as other from ${JSON.stringify(inCopy)};
    const error = new other.DeniedError("no", { reasonCode: "BUDGET_EXCEEDED" });
    console.log(error instanceof DeniedError, DeniedError.isInstance(error), ImprestError.isInstance(error), ValidationError.isInstance(error));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: consumer });
  expect(stdout.trim()).toBe("false true true false");
});

describe("a page that guards a call and verifies what was signed", () => {
  const page = `
    import { usd } from "@imprest/core";
    import { CyclesAuthority, withReservation } from "@imprest/cycles";
    import { verifyEvidence } from "@imprest/cycles/evidence";
    export async function main() {
      const authority = new CyclesAuthority({ baseUrl: location.origin, apiKey: () => "from-my-server", subject: { tenant: "acme" } });
      const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
      return [await withReservation(authority, request, () => 1, { settle: "estimate" }), verifyEvidence];
    }
    document.title = String(main.length);`;
  const bundles: Readonly<Record<string, (out: string) => Promise<void>>> = {
    vite: async (outDir) => {
      const { build } = await import("vite");
      const lib = { entry: join(consumer, "page.js"), formats: ["es" as const], fileName: "page" };
      await build({ root: consumer, configFile: false, logLevel: "silent", build: { lib, outDir, minify: true } });
    },
    esbuild: async (outdir) => {
      const { build } = await import("esbuild");
      const options = {
        bundle: true,
        minify: true,
        format: "esm" as const,
        splitting: true,
        platform: "browser" as const,
      };
      await build({ entryPoints: [join(consumer, "page.js")], outdir, ...options, logLevel: "silent" });
    },
    webpack: async (path) => {
      const { default: webpack } = await import("webpack");
      await new Promise<void>((done, fail) => {
        webpack(
          { mode: "production", context: consumer, entry: "./page.js", target: "web", output: { path } },
          (error, stats) => {
            if (error) fail(error);
            else if (stats?.hasErrors()) fail(new Error(stats.toString("errors-only")));
            else done();
          },
        );
      });
    },
  };

  it.each(Object.keys(bundles))("builds with %s, and nothing of Node is in it", async (bundler) => {
    writeFileSync(join(consumer, "page.js"), page);
    const out = join(consumer, `built-${bundler}`);
    await bundles[bundler]?.(out);
    const files = readdirSync(out, { recursive: true, encoding: "utf8" }).filter((file) => /\.m?js$/.test(file));
    const text = files.map((file) => readFileSync(join(out, file), "utf8")).join("\n");
    expect(text).toContain("x-cycles-api-key");
    expect(text).not.toMatch(/\bfrom\s*["']node:|require\(["']node:|undici/);
  });
});

const guarded = `
import { createFetchTransport, usd } from "@imprest/core";
import { CyclesAuthority, withReservation } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
const tenant = "acme";
const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant }, allocated: usd("0.05") });
const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
const spend = () => usd("0.01");

// In this process, over the handler with an injected fetch, and over a real socket with the runtime's own transport.
const { key } = await embedded.apiKeys.create({ tenant });
const overHandler = { baseUrl: "http://127.0.0.1:1", apiKey: key, subject: { tenant }, transport: createFetchTransport((url, init) => embedded.handler(new Request(url, init))) };
const overSocket = { baseUrl: process.argv.at(-2), apiKey: process.argv.at(-1), subject: { tenant } };
const results = [];
for (const authority of [embedded.authority({ tenant }), new CyclesAuthority(overHandler), new CyclesAuthority(overSocket)]) {
  const { value, settlement } = await withReservation(authority, request, async () => "ran", { spend });
  results.push(value + " " + settlement.status + " " + settlement.charged.amount);
}
console.log(results.join(", "));
`;

describe("a guarded call with the built packages", () => {
  const script = join(consumer, "guarded.mjs");
  const bin = (name: string) => join(root, "test/runtimes/node_modules/.bin", name);
  let server: ReturnType<typeof spawn>;
  let target: string[] = [];

  beforeAll(async () => {
    writeFileSync(script, guarded);
    writeFileSync(
      join(consumer, "server.mjs"),
      `import { usd } from "@imprest/core";
       import { createEmbeddedAuthority } from "@imprest/embedded";
       import { serve } from "@imprest/embedded/node";
       const embedded = createEmbeddedAuthority();
       await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1") });
       const { key } = await embedded.apiKeys.create({ tenant: "acme" });
       const { url } = await serve(embedded, { port: 0 });
       console.log(url + " " + key);`,
    );
    server = spawn(process.execPath, [join(consumer, "server.mjs")], {
      cwd: consumer,
      stdio: ["ignore", "pipe", "inherit"],
    });
    target = await new Promise((done) =>
      server.stdout?.once("data", (line: Buffer) => done(line.toString().trim().split(" "))),
    );
  });
  afterAll(() => server.kill());

  const expected = Array.from({ length: 3 }, () => "ran committed 1000000").join(", ");

  it.each([
    ["Node", () => [process.execPath, script]],
    ["Deno", () => [bin("deno"), "run", "-A", "--node-modules-dir=manual", script]],
    ["Bun", () => [bin("bun"), script]],
  ])("on %s", async (_name, command) => {
    const [program = "", ...args] = command();
    const { stdout } = await run(program, [...args, ...target], { cwd: consumer, timeout: 30_000 });
    expect(stdout.trim()).toBe(expected);
  });
});

describe("the imprest command as it is installed", () => {
  it("verifies a feed on threads of its own", async () => {
    writeFileSync(
      join(consumer, "feed.mjs"),
      `import { writeFileSync } from "node:fs";
       import { signAuditEvent } from "@imprest/asp/audit";
       import { generateKeyPair, publicKeyToJwk } from "@imprest/core/audit";
       const { publicKey, privateKey } = await generateKeyPair();
       const signer = { source: "https://a.example/asp", typePrefix: "org.agentspend", kid: "k1", privateKey };
       const data = (at) => ({ decision_id: "018f6b2e-7c1a-7000-8000-" + String(at).padStart(12, "0"), budget_id: "b",
         reservation_id: "r-" + at, unit: "output_token", amount_atomic_reserved: "1000", decision: "DENY" });
       const lines = Array.from({ length: 2_500 }, (_, at) => signAuditEvent("reserve", data(at), signer, 1_780_000_000_000 + at));
       writeFileSync("feed.ndjson", (await Promise.all(lines)).join("\\n"));
       writeFileSync("keys.json", JSON.stringify({ keys: [publicKeyToJwk(publicKey, "k1")] }));`,
    );
    await run(process.execPath, ["feed.mjs"], { cwd: consumer });
    const verify = ["verify", "feed.ndjson", "--trust", "https://a.example", "--jwks", "keys.json"];
    const { stderr } = await run(join(consumer, "node_modules/.bin/imprest"), verify, { cwd: consumer });
    expect(stderr).toContain("2500 events, 2500 decisions, 0 open: clean.");
  });

  it("shows a feed in the explorer's page until it is stopped", async () => {
    writeFileSync(join(consumer, "looked-at.ndjson"), "{}\n");
    writeFileSync(join(consumer, "no-keys.json"), '{"keys":[]}');
    const args = ["verify", "looked-at.ndjson", "--trust", "https://a.example", "--jwks", "no-keys.json", "--open"];
    const env = { ...process.env, BROWSER: "none" };
    const child = spawn(join(consumer, "node_modules/.bin/imprest"), args, { cwd: consumer, env });
    const ended = new Promise<number | null>((done) => child.once("exit", done));
    try {
      const link = await new Promise<string>((done) => {
        child.stdout.on("data", (text: Buffer) => {
          const [found] = /http:\S+/.exec(text.toString()) ?? [];
          if (found !== undefined) done(found);
        });
      });
      const entered = await fetch(link, { redirect: "manual" });
      const headers = { Cookie: entered.headers.get("set-cookie")?.split(";")[0] ?? "" };
      const base = new URL(entered.headers.get("location") ?? "", link);
      expect(await (await fetch(base, { headers })).text()).toContain("<title>Imprest audit explorer</title>");
      expect(await (await fetch(new URL("api/feed", base), { headers })).text()).toBe("{}\n");
      child.kill("SIGINT");
      expect(await ended).toBe(0);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
