import { build } from "esbuild";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { workspacePackages } from "../../tools/packages.ts";

const root = resolve(import.meta.dirname, "../..");

/** Hosts of integrations: what they run on is their own business. */
const hosts = workspacePackages()
  .filter(({ path }) => path.startsWith("packages/integrations/"))
  .flatMap(({ manifest }) => Object.keys(manifest.peerDependencies ?? {}));

/** The entries of every package that must run in a browser or a Worker: all but `node` ones, the stores and the command line. */
function neutralEntries(): string[] {
  return workspacePackages().flatMap(({ name, path, manifest }) => {
    // What its pages share with the command line; the rest of it is for Node.
    if (name === "imprest") return ["imprest/internal"];
    if (path.startsWith("packages/stores/")) return [];
    return (
      Object.keys(manifest.exports)
        // Data files (schemas, protos) are exported as plain strings.
        .filter((entry) => typeof manifest.exports[entry] === "object" && !entry.split("/").includes("node"))
        .map((entry) => `${name}${entry.slice(1)}`)
    );
  });
}

describe("every browser-safe entry", () => {
  it.each(neutralEntries())("%s bundles for a neutral platform with no unresolved import", async (entry) => {
    const result = await build({
      stdin: { contents: `export * from ${JSON.stringify(entry)};`, resolveDir: root },
      bundle: true,
      platform: "neutral",
      format: "esm",
      target: "es2023",
      conditions: ["@imprest/source", "browser"],
      external: hosts.flatMap((host) => [host, `${host}/*`]),
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    expect(result.warnings).toEqual([]);
    const imports = Object.values(result.metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
    expect(imports.filter((path) => !hosts.some((host) => path === host || path.startsWith(`${host}/`)))).toEqual([]);
  });
});
