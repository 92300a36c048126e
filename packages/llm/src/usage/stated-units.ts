import { isBag } from "./members.ts";

type Counts = Readonly<Record<string, number>>;

/** Where usage objects state how often a tool of the provider's was charged. */
const places: readonly (readonly [unit: string, ...path: string[]])[] = [
  ["webSearch", "server_tool_use", "web_search_requests"],
  ["codeExecution", "server_tool_use", "code_execution_requests"],
  ["webSearch", "tool_usage", "web_search", "num_requests"],
  // Perplexity's, whose citations say no more.
  ["webSearch", "search_context_size"],
  ["webSearch", "num_search_queries"],
];
/** xAI's, which count every tool. */
const ofAll = ["server_side_tool_usage_details", "num_server_side_tools_used", "num_sources_used"];

/** What was counted in a whole answer, without what its usage object states: that is what was charged. */
export function unstatedUnits(counted: Counts, usage: unknown): Counts {
  if (ofAll.some((name) => at(usage, [name]) !== undefined)) return {};
  const isStated = (unit: string): boolean =>
    places.some(([stated, ...path]) => stated === unit && at(usage, path) !== undefined);
  return Object.fromEntries(Object.entries(counted).filter(([unit]) => !isStated(unit)));
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, name) => (isBag(inner) ? inner[name] : undefined) ?? undefined, value);
}
