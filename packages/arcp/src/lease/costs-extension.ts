import { parseMoney } from "./money.ts";

/**
 * An extension of the frame that ends a job: what the job and those it delegated to reported as spent, as plain decimals by
 * currency. A runtime counts each `cost.*` metric as it comes; whoever missed some knows the whole by this.
 */
export const costsExtension = "x-vendor.imprest.costs";

/** What an ended job's frame says was spent, in 10^-12 by currency; `undefined` where it does not say. */
export function readCosts(
  extensions: Readonly<Record<string, unknown>> | undefined,
): ReadonlyMap<string, bigint> | undefined {
  const costs = extensions?.[costsExtension];
  if (typeof costs !== "object" || costs === null) return undefined;
  const read = new Map<string, bigint>();
  for (const [currency, text] of Object.entries(costs)) {
    const units = typeof text === "string" ? parseMoney(text, "up") : undefined;
    if (units === undefined || units < 0n) return undefined;
    read.set(currency, units);
  }
  return read;
}
