import type { ArcpEvent, BudgetGauge, JobView } from "@imprest/arcp";
import { printable } from "../printable.ts";

const barWidth = 20;

/** `[#####---------------] 1/4 sources`, or without a total `1 sources`. */
export function progressBar(current: number, total: number | undefined, units: string | undefined): string {
  const what = units === undefined ? "" : ` ${printable(units)}`;
  if (total === undefined || !(total > 0)) return `${current}${what}`;
  const full = Math.round(Math.min(Math.max(current / total, 0), 1) * barWidth);
  return `[${"#".repeat(full)}${"-".repeat(barWidth - full)}] ${current}/${total}${what}`;
}

/** `USD 0.94 of 1 left`; empty for a job without a budget. */
export function budgetLeft(budget: BudgetGauge): string {
  return budget.currencies
    .map((currency) => `${printable(currency)} ${budget.remaining(currency)} of ${budget.initial(currency)} left`)
    .join(", ");
}

/** `spent USD 0.06`, or `spent at least` that where events were lost; empty where no cost was reported and none was lost. */
export function spent(job: JobView): string {
  const costs = Object.entries(job.costs).map(([currency, amount]) => `${printable(currency)} ${amount}`);
  if (costs.length === 0) return job.eventsMissing ? "what it spent is not known" : "";
  return `spent ${job.eventsMissing ? "at least " : ""}${costs.join(", ")}`;
}

/** One line about an event; `undefined` for those that are shown in another way, or not at all. */
export function describeEvent(event: ArcpEvent): string | undefined {
  switch (event.kind) {
    case "log":
      return `${printable(event.body.level)}: ${printable(event.body.message)}`;
    case "thought":
      return `thought: ${printable(event.body.text)}`;
    case "status":
      return `status: ${words(event.body.phase, event.body.message ?? event.body.id)}`;
    case "tool_call":
      return `tool: ${printable(event.body.tool)}`;
    case "tool_result":
      return event.body.error == null
        ? undefined
        : `tool failed: ${words(event.body.error.code, event.body.error.message)}`;
    case "artifact_ref":
      return `artifact: ${words(event.body.uri, event.body.content_type)}`;
    case "delegate":
      return `delegated to ${words(event.body.agent, event.body.child_job_id)}`;
    case "gap":
      return "warning: the runtime could not replay some events; what is shown has a gap";
    case "metric":
    case "progress":
    case "result_chunk":
      return undefined;
    default:
      return words(event.raw["kind"]);
  }
}

/** Members of a body are checked only where the kind cannot do without them. */
function words(...parts: readonly unknown[]): string {
  return printable(parts.filter((part) => typeof part === "string").join(" "));
}
