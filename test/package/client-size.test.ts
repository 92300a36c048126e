import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const imported = "CyclesClient, CyclesAuthority, withReservation, guard";

async function bundled(
  names: string,
  from = "@imprest/cycles",
): Promise<{ readonly gzip: number; readonly files: readonly string[] }> {
  const result = await build({
    stdin: { contents: `import { ${names} } from "${from}"; console.log(${names});`, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    platform: "neutral",
    format: "esm",
    target: "es2023",
    conditions: ["@imprest/source", "browser"],
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const [output] = result.outputFiles;
  const [inputs] = Object.values(result.metafile.outputs).map((file) => file.inputs);
  const files = Object.entries(inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { gzip: gzipSync(output?.contents ?? "", { level: 9 }).length, files: files.map(([file]) => file) };
}

describe("a browser's bundle of the Cycles client with its guard", () => {
  it("stays within 23.6 kB gzipped, everything in", async () => {
    const { gzip } = await bundled(imported);
    expect(gzip).toBeLessThanOrEqual(23_600);
  });

  it("holds no schema library and nothing that is not used", async () => {
    const { files } = await bundled(imported);
    const unwanted =
      /zod|eventemitter3|settlement-queue|read-dead-letters|webhook|shadow|cycles\/src\/caps|orphans|evidence\/|emitted-event|undici/;
    expect(files.filter((file) => unwanted.test(file))).toEqual([]);
  });

  it("the client alone leaves the kernel out", async () => {
    const { files, gzip } = await bundled("CyclesClient");
    expect(files.filter((file) => file.includes("core/src/reservation/"))).toEqual([]);
    expect(gzip).toBeLessThanOrEqual(12_400);
  });
});
