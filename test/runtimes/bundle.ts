import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import type { Vectors } from "./suite.ts";

const here = import.meta.dirname;
const conformance = resolve(here, "../../../shared/conformance");

/** Reads the vectors that stand beside the checkout. */
export function readVectors(): Vectors {
  const read = (path: string): string => readFileSync(join(conformance, path), "utf8");
  const names = (folder: string): string[] => readdirSync(join(conformance, folder)).toSorted();
  return {
    speccheck: JSON.parse(read("ed25519/speccheck-cases.json")) as Vectors["speccheck"],
    jcs: names("jcs/input").map((name) => ({ input: read(`jcs/input/${name}`), output: read(`jcs/output/${name}`) })),
    evidence: names("cycles/evidence").map((name) => read(`cycles/evidence/${name}`)),
  };
}

export type Entry = "console" | "browser" | "workerd";

/**
 * Bundles the suite for a runtime that knows nothing of this repository.
 * @param withEd25519 false: WebCrypto loses its Ed25519 before the suite starts.
 */
export async function bundleSuite(entry: Entry, withEd25519: boolean, outfile: string): Promise<void> {
  await build({
    entryPoints: [join(here, `entries/${entry}.ts`)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2023",
    conditions: ["@imprest/source", "workerd", "browser"],
    define: { vectors: JSON.stringify(readVectors()) },
    banner: withEd25519 ? {} : { js: readFileSync(join(here, "entries/without-ed25519.js"), "utf8") },
  });
}
