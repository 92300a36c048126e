import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, it } from "vitest";

it("a browser's bundle of the ARCP client holds no schema library and stays within 21.6 kB gzipped", async () => {
  const result = await build({
    stdin: { contents: 'export { connect } from "@imprest/arcp";', resolveDir: import.meta.dirname },
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
  const [inputs] = Object.values(result.metafile.outputs).map((file) => Object.entries(file.inputs));
  const used = (inputs ?? []).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file);
  expect(
    used.filter((file) => /node_modules|models\/(?!arcp\/names)|runtime\/|reservation\/|audit\//.test(file)),
  ).toEqual([]);
  expect(gzipSync(result.outputFiles[0]?.contents ?? "", { level: 9 }).length).toBeLessThanOrEqual(21_600);
});
