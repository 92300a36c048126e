import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

async function gzippedSize(contents: string): Promise<number> {
  const result = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL("..", import.meta.url)), loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    conditions: ["@imprest/source", "browser"],
    write: false,
  });
  return gzipSync(result.outputFiles[0]?.contents ?? "", { level: 9 }).length;
}

describe("bundles for a browser, all in", () => {
  it("the client alone, and what it adds to the kernel's guard; no validator in either", async () => {
    const kernel = await gzippedSize('export { guard } from "@imprest/core";');
    const verbs = await gzippedSize('export { AspVerbs } from "./src/index.ts";');
    const client = await gzippedSize('export { AspClient } from "./src/index.ts";');
    const guarded = await gzippedSize('export { AspAuthority, AspClient, guard } from "./src/index.ts";');
    console.log("gzipped bytes:", { kernel, verbs, client, guarded });
    expect(verbs).toBeLessThanOrEqual(12_100);
    // A client has an authority, of which it makes use only when it is handed to a helper.
    expect(client).toBeLessThanOrEqual(16_010);
    expect(guarded - kernel).toBeLessThanOrEqual(13_900);
    expect(guarded).toBeLessThanOrEqual(27_550);
  });
});
