import { join } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { workspacePackages } from "../../tools/packages.ts";

/** The source of every entry of every package, by the entry's name. */
const entries = workspacePackages().flatMap(({ name, folder, manifest }) =>
  Object.entries(manifest.exports).flatMap(([entry, target]) => {
    const source = typeof target === "string" ? undefined : target["@imprest/source"];
    return source === undefined ? [] : [[`${name}${entry.slice(1)}`, join(folder, source)] as const];
  }),
);

/** Whether the modules that `source` loads load zod. */
async function loadsZod(source: string): Promise<boolean> {
  let isLoaded = false;
  await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    conditions: ["@imprest/source"],
    plugins: [
      {
        name: "watch",
        setup(building) {
          building.onResolve({ filter: /^[^./#]/ }, ({ path, kind }) => {
            if (kind === "entry-point" || path.startsWith("@imprest/")) return undefined;
            if (/^zod(?:\/|$)/.test(path)) isLoaded = true;
            return { path, external: true };
          });
        },
      },
    ],
  });
  return isLoaded;
}

it("zod is loaded by @imprest/core/zod, and by no other entry of any package", { timeout: 60_000 }, async () => {
  const loading = await Promise.all(entries.map(async ([name, source]) => ((await loadsZod(source)) ? [name] : [])));
  expect(entries.length).toBeGreaterThan(30);
  expect(loading.flat()).toEqual(["@imprest/core/zod"]);
});
