import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type BuildOptions, build } from "esbuild";
import type { Vectors } from "./check.ts";

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
    asp: JSON.parse(read("asp/signed-events.json")) as Vectors["asp"],
    ap2Tokens: (JSON.parse(read("ap2/ap2-signed-tokens.json")) as { readonly tokens: Vectors["ap2Tokens"] }).tokens,
    ap2Keys: (JSON.parse(read("ap2/idempotency-keys.json")) as { readonly keys: Vectors["ap2Keys"] }).keys,
  };
}

/** How a runtime gets a suite: as a module that it resolves packages for, or as one file with everything in it. */
export type Entry = "console" | "workerd";

export interface SuiteBuild {
  readonly suite: "suite" | "arcp" | "ledger";
  readonly entry: Entry;
  readonly outfile: string;
  /** What the suite finds under these names. */
  readonly define: Readonly<Record<string, unknown>>;
  /** False: WebCrypto loses its Ed25519 before the suite starts. */
  readonly withEd25519?: boolean;
}

/** Conditions as the bundlers of pages and of Workers set them; never `@imprest/source`: the built packages are meant. */
const bundled: Readonly<Record<Entry, BuildOptions>> = {
  console: { packages: "external" },
  workerd: { conditions: ["workerd", "browser"] },
};

/** Writes a suite as one module for a runtime that knows nothing of this repository. */
export async function buildSuite({ suite, entry, outfile, define, withEd25519 = true }: SuiteBuild): Promise<void> {
  await build({
    logLevel: "error",
    entryPoints: [join(here, `entries/${suite}-${entry}.ts`)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2023",
    ...bundled[entry],
    define: Object.fromEntries(Object.entries(define).map(([name, value]) => [name, JSON.stringify(value)])),
    banner: withEd25519 ? {} : { js: readFileSync(join(here, "entries/without-ed25519.js"), "utf8") },
  });
}
