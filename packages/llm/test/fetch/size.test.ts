import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, it } from "vitest";

// 9 kB were aimed at; the wires, their bounds and the denial in three forms are more than that. What holds here is
// that it does not grow unseen, and that no reader of usage objects and no price table comes with it.
it("guardFetch with all its wires stays below 16 kB gzip beyond core, and brings no price table", async () => {
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: 'export { denialOf, denialResponse, guardFetch, notBilled } from "@imprest/llm";',
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    minify: true,
    platform: "neutral",
    format: "esm",
    target: "es2023",
    conditions: ["@imprest/source", "browser"],
    external: ["@imprest/core", "@imprest/core/internal"],
    write: false,
    metafile: true,
  });
  expect(gzipSync(outputFiles[0]?.contents ?? new Uint8Array()).length).toBeLessThan(16_000);
  const [output] = Object.values(metafile.outputs);
  const held = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  expect(held.map(([file]) => file).filter((file) => /prices\/|read-usage/.test(file))).toEqual([]);
});
