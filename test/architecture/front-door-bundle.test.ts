import { gzipSync } from "node:zlib";
import { resolve } from "node:path";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

// What a Worker loads for a budget: everything that a bundler finds from the import, in one file as wrangler makes it, minified
// and gzipped. Nothing is left to be loaded by a call, so the figure is the whole.

const root = resolve(import.meta.dirname, "../..");

interface Bundle {
  readonly bytes: number;
  /** The files that have code in the bundle, from the root of the repository. */
  readonly files: readonly string[];
  /** What it would still import. */
  readonly outside: readonly string[];
}

async function bundled(code: string): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    target: "es2023",
    conditions: ["@imprest/source", "worker", "browser"],
    mainFields: ["module", "main"],
    external: ["node:*"],
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const outputs = Object.values(metafile.outputs);
  return {
    bytes: outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0),
    files: outputs.flatMap(({ inputs }) =>
      Object.keys(inputs).filter((file) => (inputs[file]?.bytesInOutput ?? 0) > 0),
    ),
    outside: outputs.flatMap(({ imports }) => imports.map(({ path }) => path)),
  };
}

/** What a budget never speaks or signs: the command line, other protocols, the served side, its evidence, and zod. */
const foreign =
  /packages\/(?:arcp|asp|ap2|testing|stores)\/|imprest\/src\/(?:cli|node)|embedded\/src\/(?:cycles|asp|evidence|governance|access|node)\/|embedded\/src\/http\/(?!refusal)|cycles\/src\/(?:evidence|governance|node|webhook)|core\/src\/(?:audit|zod|node)\/|models\/(?:asp|arcp|ap2)\/|\/zod\/|undici/;
/** Which only a budget whose books are elsewhere speaks. */
const wire = /packages\/cycles\/|core\/src\/models\/|core\/src\/wire\/(?:shape|leaves)/;

const createBudget = 'export { createBudget } from "imprest";';
const connectBudget = 'export { connectBudget } from "imprest"; export { CyclesAuthority } from "@imprest/cycles";';

describe("what a Worker loads for a budget", () => {
  it.each([
    ["of its own", createBudget, [foreign, wire], 71_000],
    ["of a Cycles server", connectBudget, [foreign, /packages\/embedded\//], 58_500],
  ])("%s has nothing that it does not speak, and is no heavier than stated", async (_what, code, never, limit) => {
    const { bytes, files, outside } = await bundled(code);
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((file) => never.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(outside).toEqual([]);
    expect(bytes).toBeLessThanOrEqual(limit);
  });

  it("the search finds what is forbidden, where it is", async () => {
    const { files, outside } = await bundled('export * from "@imprest/embedded"; export * from "imprest/node";');
    expect(files.filter((file) => foreign.test(file)).length).toBeGreaterThan(20);
    expect(outside.some((path) => path.startsWith("node:"))).toBe(true);
  });
});
