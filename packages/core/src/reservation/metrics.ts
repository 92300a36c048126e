import { ValidationError, type ValidationIssue } from "../errors/local-errors.ts";
import type { Metrics } from "../authority/settlement.ts";

const counts = ["inputTokens", "outputTokens", "latencyMs"] as const;

/**
 * Checks what every wire requires of metrics, where the caller can still mend it.
 * @throws ValidationError naming the member: a fraction of a millisecond (round it), a negative or unsafe count.
 */
export function checkMetrics(metrics: Metrics | undefined): void {
  if (metrics === undefined) return;
  const issues: ValidationIssue[] = [];
  for (const name of counts) {
    const value = metrics[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue;
    issues.push({ pointer: `/metrics/${name}`, message: "is not a whole number of 0 or more; round it" });
  }
  if (metrics.modelVersion !== undefined && typeof metrics.modelVersion !== "string") {
    issues.push({ pointer: "/metrics/modelVersion", message: "is not text" });
  }
  if (issues.length > 0) throw new ValidationError("spend", issues);
}
