import { type Members, camelCase } from "./members.ts";
import type { InputParts } from "./split.ts";
import type { RequestUsage, TokenCounts, UnitCounts, UsageTerms } from "./usage.ts";

/** What a reader makes of one usage object. */
export interface Reading {
  readonly tokens?: TokenCounts;
  readonly units?: UnitCounts;
  /** Requests that are counted apart; their sums are `tokens` and `units`. */
  readonly requests?: readonly RequestUsage[];
  readonly terms?: UsageTerms;
}

/** Reads the members that it knows; those that it leaves are refused by name if they count something. */
export type Reader = (usage: Members) => Reading;

/** Words under which the plain prices hold. */
const plain: ReadonlySet<string> = new Set([
  "standard",
  "default",
  "auto",
  "on_demand",
  "traffic_type_unspecified",
  "unspecified",
  "global",
  "not_available",
]);

/** The words that change a price, wherever a usage object has them. */
export function readTerms(usage: Members): UsageTerms {
  const tier = special(usage.word("service_tier", "traffic_type"));
  const speed = special(usage.word("speed"));
  const region = special(usage.word("inference_geo"));
  return {
    // Vertex writes ON_DEMAND_PRIORITY, the Gemini API "priority".
    ...(tier !== undefined && { tier: tier.replace(/^on_demand_/, "") }),
    ...(speed !== undefined && { speed }),
    ...(region !== undefined && { region }),
  };
}

/** True for a word that changes no price. */
export function isPlain(word: string): boolean {
  return plain.has(word.toLowerCase());
}

function special(word: string | undefined): string | undefined {
  const lower = word?.toLowerCase();
  return lower === undefined || lower === "" || isPlain(lower) ? undefined : lower;
}

/** Tools that run at the provider and are charged by the call; a web fetch costs its tokens alone. */
export function readServerTools(usage: Members): UnitCounts {
  const tools = usage.at("server_tool_use");
  tools.free("web_fetch_requests");
  return {
    webSearch: tools.most("web_search_requests"),
    codeExecution: tools.most("code_execution_requests"),
  };
}

/** `web_search_calls` and `web_search_requests` are both `webSearch`. */
export function unitName(member: string): string {
  return camelCase(member.replace(/_(?:calls|requests)$/, ""));
}

/** Tokens written to a cache, each in one class. */
export type Writes = Required<Pick<InputParts, "written" | "written1h" | "written12h">>;

/** Cache writes by how long the cache lives; what has no class is of the short one. */
export function readWrites(total: number, classes: Members): Writes {
  const written1h = classes.most("ephemeral_1h_input_tokens");
  const written12h = classes.most("ttl_12h_tokens");
  const short = classes.most("ephemeral_5m_input_tokens", "ttl_30m_tokens");
  return { written: Math.max(short, total - written1h - written12h), written1h, written12h };
}

/** Of a count that is given twice, the lesser: more tokens stay at the dearer rate. */
export function least(...counts: readonly number[]): number {
  return counts.length === 0 ? 0 : Math.min(...counts);
}
