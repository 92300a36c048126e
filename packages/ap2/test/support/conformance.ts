import { existsSync, readFileSync } from "node:fs";

const folder = new URL("../../../../../shared/conformance/ap2/", import.meta.url);

/** Without the data beside the checkout its tests are skipped, except in CI. */
export const isMissing: boolean = !existsSync(folder) && process.env["CI"] === undefined;

/** One file of the AP2 conformance data. */
export function conformance(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8"));
}
