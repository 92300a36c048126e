import { join } from "node:path";
import type { BuildOptions } from "esbuild";
import { workspacePackages } from "./packages.ts";

/** Something that a page imports of a built package, to be weighed and searched. */
export interface BrowserBundle {
  readonly name: string;
  /** The built entry, absolute. */
  readonly file: string;
  /** `*`, or an import clause in braces. */
  readonly imports: string;
}

/** What a page is likely to import, which is less than an entry. */
const uses: ReadonlyArray<readonly [specifier: string, imports: string]> = [
  ["@imprest/cycles", "{ CyclesClient, CyclesAuthority, withReservation, guard }"],
  ["@imprest/cycles", "{ CyclesClient }"],
  ["@imprest/asp", "{ AspClient, AspAuthority, withReservation, guard }"],
  ["@imprest/arcp", "{ connect }"],
  ["@imprest/ap2", "{ guard }"],
];

/** Those uses, and every entry whole that is not Node's alone. */
export function browserBundles(): BrowserBundle[] {
  const entries = new Map<string, string>();
  for (const { name, folder, manifest } of workspacePackages().filter((one) => one.name !== "imprest")) {
    for (const [entry, target] of Object.entries(manifest.publishConfig.exports)) {
      if (typeof target === "string" || entry.split("/").includes("node")) continue;
      entries.set(`${name}${entry.slice(1)}`, join(folder, target.default));
    }
  }
  return [
    ...uses.map(([specifier, imports]) => ({
      name: `${imports} of ${specifier}`,
      file: entries.get(specifier) ?? "",
      imports,
    })),
    ...Array.from(entries, ([name, file]) => ({ name, file, imports: "*" })),
  ];
}

/** How a page's bundler reads the built packages. */
export const forBrowsers: BuildOptions = {
  bundle: true,
  minify: true,
  platform: "browser",
  format: "esm",
  target: "es2023",
  // An optional peer is the user's own, there with or without us.
  external: ["msw", "msw/*", "langchain", "@langchain/*", "@opentelemetry/*"],
  logLevel: "silent",
};
