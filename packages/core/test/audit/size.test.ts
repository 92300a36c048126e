import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

describe("@imprest/core/audit", () => {
  it("takes at most 8.4 kB gzipped; the fallback and HTTP are loaded apart, when they are needed", async () => {
    const { outputFiles } = await build({
      entryPoints: [join(import.meta.dirname, "../../src/audit/index.ts")],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "neutral",
      target: "es2023",
      conditions: ["browser"],
      external: ["*/key-directory.ts", "*/ed25519-fallback.ts"],
      write: false,
    });
    const [bundle] = outputFiles;
    expect(gzipSync(bundle?.contents ?? new Uint8Array()).length).toBeLessThanOrEqual(8_400);
    const loaded = [...(bundle?.text ?? "").matchAll(/\b(import|from)\s*\(?"([^"]+)"/g)].map(
      ([, how, path]) => `${how} ${path}`,
    );
    expect(new Set(loaded)).toEqual(new Set(["import ./ed25519-fallback.ts", "import ./key-directory.ts"]));
  });
});
