// `pnpm size`: what each entry that a browser can load weighs there, bundled whole and minified, gzipped.
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const packages = resolve(import.meta.dirname, "../packages");

for (const name of readdirSync(packages)) {
  const manifest = JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8"));
  for (const [entry, target] of Object.entries(manifest.exports)) {
    const source = target["@imprest/source"];
    if (source === undefined || source.includes("/node/")) continue;
    const size = await sizeOf(join(packages, name, source));
    if (size !== undefined) console.log(`${`@imprest/${name}${entry.slice(1)}`.padEnd(36)}${size} kB`);
  }
}

/** `undefined` for an entry that needs Node. */
async function sizeOf(entryPoint) {
  try {
    const options = { bundle: true, minify: true, format: "esm", target: "es2023", write: false, logLevel: "silent" };
    const platform = { platform: "browser", conditions: ["@imprest/source"] };
    const { outputFiles } = await build({ entryPoints: [entryPoint], ...options, ...platform });
    return (gzipSync(outputFiles[0].contents, { level: 9 }).length / 1_000).toFixed(1).padStart(8);
  } catch {
    return undefined;
  }
}
