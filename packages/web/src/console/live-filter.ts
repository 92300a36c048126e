import type { Activity, ActivityKind } from "imprest/internal";

/** What the list of events is narrowed to; an empty text wants all. */
export interface LiveFilter {
  readonly text: string;
  readonly tenant: string;
  readonly agent: string;
  /** The name of an action: of a model call, the model. */
  readonly model: string;
  readonly kind: ActivityKind | "";
}

export const everything: LiveFilter = { text: "", tenant: "", agent: "", model: "", kind: "" };

export function isWanted(activity: Activity, { text, tenant, agent, model, kind }: LiveFilter): boolean {
  return (
    (kind === "" || activity.kind === kind) &&
    (tenant === "" || activity.tenant === tenant) &&
    (agent === "" || activity.agent === agent) &&
    (model === "" || activity.action?.name === model) &&
    mentions(activity, text)
  );
}

/** Whether one of the words of an activity contains `text`, in letters of either case. */
export function mentions(activity: Activity, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return true;
  const { scope, agent, action, reservationId, reason, traceId, blockedBy } = activity;
  const words = [scope, agent, action?.kind, action?.name, reservationId, reason, traceId, blockedBy?.scope];
  return words.some((word) => word?.toLowerCase().includes(wanted) === true);
}

/** The most entries of a filter's list; the text filter finds the rest. */
const mostChoices = 100;

/** What can be chosen: the values that occur, by name. */
export function choicesOf(activities: readonly Activity[]): Record<"tenant" | "agent" | "model", readonly string[]> {
  const found = { tenant: new Set<string>(), agent: new Set<string>(), model: new Set<string>() };
  const put = (set: Set<string>, value: string | undefined): void => {
    if (value !== undefined && set.size < mostChoices) set.add(value);
  };
  for (const { tenant, agent, action } of activities) {
    put(found.tenant, tenant);
    put(found.agent, agent);
    put(found.model, action?.name);
  }
  const sorted = (set: ReadonlySet<string>): string[] => [...set].sort((left, right) => left.localeCompare(right));
  return { tenant: sorted(found.tenant), agent: sorted(found.agent), model: sorted(found.model) };
}
