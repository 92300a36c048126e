import { existsSync, readFileSync, readdirSync } from "node:fs";

/** The published vectors that stand beside the checkout; without them these tests are skipped, except in CI. */
export const conformance: URL = new URL("../../../shared/conformance/", import.meta.url);
export const isMissing: boolean = !existsSync(conformance) && process.env["CI"] === undefined;

export function namesIn(folder: string): string[] {
  return isMissing ? [] : readdirSync(new URL(folder, conformance)).toSorted();
}

export function textOf(path: string): string {
  return readFileSync(new URL(path, conformance), "utf8");
}
