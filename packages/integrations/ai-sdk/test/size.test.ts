import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, it } from "vitest";

it("the whole package stays below 3 kB gzip beyond core and llm, and brings nothing of its host", async () => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: 'export * from "@imprest/ai-sdk";', resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    platform: "neutral",
    format: "esm",
    target: "es2023",
    conditions: ["@imprest/source"],
    external: ["@imprest/core", "@imprest/core/internal", "@imprest/llm", "@imprest/llm/internal"],
    write: false,
    metafile: true,
  });
  expect(gzipSync(outputFiles[0]?.contents ?? new Uint8Array()).length).toBeLessThan(3_000);
  expect(Object.keys(metafile.inputs).filter((file) => file.includes("node_modules"))).toEqual([]);
});
