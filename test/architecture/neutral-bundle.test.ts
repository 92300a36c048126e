import { type BuildOptions, build } from "esbuild";
import { resolve } from "node:path";
import { runInThisContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
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

/** What a Worker may not do while its modules load: draw random values, set a timer, reach the network. */
const forbidden: readonly (readonly [holder: object, name: string])[] = [
  [crypto, "getRandomValues"],
  [crypto, "randomUUID"],
  [Math, "random"],
  [AbortSignal, "timeout"],
  [globalThis, "setTimeout"],
  [globalThis, "setInterval"],
  [globalThis, "setImmediate"],
  [globalThis, "fetch"],
];

/** Loads a script as a Worker does: what is forbidden there throws. */
function load(script: string): void {
  // Classes of a host are extended while modules load; anything else of it is for later.
  const host: unknown = new Proxy(Object, { get: (target, name) => Reflect.get(target, name) ?? host });
  const run = runInThisContext(`(require) => {${script}}`) as (require: () => unknown) => void;
  const replaced = forbidden.map(([holder, name]) =>
    vi.spyOn(holder as Record<string, () => unknown>, name).mockImplementation(() => {
      throw new Error(`${name}() is called while the module loads`);
    }),
  );
  try {
    run(() => host);
  } finally {
    for (const spy of replaced) spy.mockRestore();
  }
}

const options = {
  bundle: true,
  platform: "neutral",
  target: "es2023",
  external: hosts.flatMap((host) => [host, `${host}/*`]),
  write: false,
  metafile: true,
  logLevel: "silent",
} as const satisfies BuildOptions;

const everythingOf = (entry: string): BuildOptions["stdin"] & object => ({
  contents: `export * from ${JSON.stringify(entry)};`,
  resolveDir: root,
});

describe("every browser-safe entry", () => {
  it.each(neutralEntries())("%s bundles for a neutral platform with no unresolved import", async (entry) => {
    const conditions = ["@imprest/source", "browser"];
    const result = await build({ ...options, stdin: everythingOf(entry), format: "esm", conditions });
    expect(result.warnings).toEqual([]);
    const imports = Object.values(result.metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
    expect(imports.filter((path) => !hosts.some((host) => path === host || path.startsWith(`${host}/`)))).toEqual([]);
  });

  it.each(neutralEntries())(
    "%s draws no random value, sets no timer and fetches nothing while it loads",
    async (entry) => {
      const conditions = ["@imprest/source", "workerd", "browser"];
      const { outputFiles } = await build({ ...options, stdin: everythingOf(entry), format: "iife", conditions });
      expect(() => load(outputFiles[0]?.text ?? "")).not.toThrow();
    },
  );
});
