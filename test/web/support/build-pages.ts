import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "vite";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder that the pages were built into, as `imprest` ships them. */
    pages: string;
  }
}

/** Builds the pages as they stand, into a folder of this run. */
export async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "imprest-pages-"));
  const root = resolve(import.meta.dirname, "../../../packages/web");
  await build({ root, mode: "production", logLevel: "warn", build: { outDir: folder, emptyOutDir: true } });
  project.provide("pages", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
