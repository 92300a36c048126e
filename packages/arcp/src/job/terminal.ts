import { terminalStatuses } from "@imprest/core/models/arcp";

const statuses: ReadonlySet<string> = new Set(terminalStatuses);

/** True for a state that a job does not leave (ARCP §7.3). */
export function terminal(status: string): boolean {
  return statuses.has(status);
}
