import type { SpendExtras } from "../authority/reservation.ts";
import type { Metrics, Spend } from "../authority/settlement.ts";

/** What decorates a spend. */
export type SpendDetails = Pick<Spend, "metrics" | "metadata" | "facts">;

const counts = ["inputTokens", "outputTokens", "latencyMs"] as const;

/**
 * What of `metrics` and `extras` a wire can carry. The amount is noted before: decoration that is malformed must never
 * keep a spend out of the books, so it is left out.
 * @param drop is called with each member that is left out, and why.
 */
export function soundDetails(
  metrics: Metrics | null | undefined,
  extras: SpendExtras | null | undefined,
  drop: (member: string, reason: string) => void,
): SpendDetails {
  const details: { -readonly [Name in keyof SpendDetails]: SpendDetails[Name] } = {};
  try {
    if (metrics) details.metrics = soundMetrics(metrics, drop);
    for (const name of ["metadata", "facts"] as const) {
      const value = extras?.[name] ?? undefined;
      if (value === undefined) continue;
      if (typeof value === "object") details[name] = value;
      else drop(name, "is no object");
    }
  } catch (error) {
    // A getter of the caller's own threw.
    drop("metrics, metadata and facts", error instanceof Error ? error.message : "cannot be read");
  }
  return details;
}

function soundMetrics(metrics: Metrics, drop: (member: string, reason: string) => void): Metrics {
  const sound: Record<string, unknown> = {};
  for (const name of counts) {
    const value = metrics[name] ?? undefined;
    if (value === undefined) continue;
    if (Number.isSafeInteger(value) && value >= 0) sound[name] = value;
    else drop(`metrics.${name}`, "is not a whole number of 0 or more; round it");
  }
  const { modelVersion, custom } = metrics;
  if (typeof modelVersion === "string") sound["modelVersion"] = modelVersion;
  else if ((modelVersion ?? undefined) !== undefined) drop("metrics.modelVersion", "is not text");
  if (typeof custom === "object" && custom !== null) sound["custom"] = custom;
  else if ((custom ?? undefined) !== undefined) drop("metrics.custom", "is no object");
  return sound;
}
