import { gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import { expect, it } from "vitest";

const options = {
  stdin: { contents: 'export * from "@imprest/ap2";', resolveDir: import.meta.dirname },
  bundle: true,
  minify: true,
  platform: "neutral" as const,
  format: "esm" as const,
  target: "es2023",
  conditions: ["@imprest/source", "browser"],
  write: false as const,
  metafile: true as const,
} satisfies BuildOptions;

/** Of what is imported, minified and gzipped, in bytes. */
async function sizeOf(contents: string, change: Partial<BuildOptions> = {}): Promise<number> {
  const stdin = { ...options.stdin, contents };
  const { outputFiles } = await build({ ...options, ...change, stdin, write: false });
  return gzipSync(outputFiles[0]?.contents ?? new Uint8Array()).length;
}

// The guard, its ledger, recovery and the reader of AP2's tokens. What holds here is that nothing grows unseen.
it("the browser-safe entry stays below 28.9 kB gzip beyond core and cycles", async () => {
  const external = ["@imprest/core", "@imprest/cycles"];
  expect(await sizeOf('export * from "@imprest/ap2";', { external })).toBeLessThan(28_900);
});

it("the guard stays below 31.4 kB gzip with all that it imports", async () => {
  expect(await sizeOf('export { guard } from "@imprest/ap2";')).toBeLessThan(31_400);
});

it("holds no schema library, core and cycles included", async () => {
  const { metafile } = await build(options);
  const [output] = Object.values(metafile.outputs);
  const held = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  expect(held.map(([file]) => file).filter((file) => /zod/.test(file))).toEqual([]);
});
