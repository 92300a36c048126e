import { type Cap, capped } from "@imprest/core";
import { Refusal } from "./refusal.ts";
import { type Bag, type Wire, bag, list, text } from "./wires/wire.ts";

/** The caps that are written into a request. */
export const writtenCaps: readonly string[] = ["max_tokens", "tool_allowlist", "tool_denylist"];

/**
 * The body under an authority's caps: its limit of the answer in the wire's own member, shared by the answers asked for, and
 * only the tools that are allowed. @returns `undefined` where nothing changes. @throws Refusal where nothing would be left.
 */
export function underCaps(wire: Wire, body: Bag, caps: readonly Cap[], answers: number): Bag | undefined {
  const limited = limitAnswer(wire, body, caps, answers);
  return limitTools(wire, limited ?? body, caps) ?? limited;
}

/** Where a body states the limit of its answer: in every spelling, and where none is stated, in the wire's own member. */
function limitsIn(wire: Wire, body: Bag): readonly (readonly [outer: string, inner?: string])[] {
  const [outer, inner] = wire.limitAt?.(body) ?? [];
  if (outer === undefined) return [];
  if (inner === undefined) {
    // A member of another wire's may mean nothing to this one.
    const others = limitNames.filter((name) => name !== outer).map((name) => [name] as const);
    return [[outer], ...others.filter((place) => limitAt(body, place) !== undefined)];
  }
  const stated = limitNames.flatMap(within).filter((place) => limitAt(body, place) !== undefined);
  return stated.length > 0 ? stated : [[outer, inner]];
}

const limitNames = ["max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"];
const settings = ["generationConfig", "generation_config"] as const;
const within = (name: string): (readonly [string, string])[] => settings.map((outer) => [outer, name]);

function limitAt(body: Bag, [outer, inner]: readonly [string, string?]): number | undefined {
  const value = inner === undefined ? body[outer] : bag(body[outer])[inner];
  return typeof value === "number" ? value : undefined;
}

/** The body with another limit of the answer, where none that it states is lower. */
export function withLimit(wire: Wire, body: Bag, limit: number): Bag {
  return limitsIn(wire, body).reduce<Bag>((left, place) => {
    const [outer, inner] = place;
    const least = Math.min(limit, limitAt(left, place) ?? limit);
    return { ...left, [outer]: inner === undefined ? least : { ...bag(left[outer]), [inner]: least } };
  }, body);
}

function limitAnswer(wire: Wire, body: Bag, caps: readonly Cap[], answers: number): Bag | undefined {
  if (wire.limitAt === undefined) return undefined;
  const places = limitsIn(wire, body).map((place) => limitAt(body, place) ?? Infinity);
  const stated = Math.max(...places);
  const limit = Math.floor(capped(caps, "max_tokens", stated * answers) / answers);
  if (limit >= stated) return undefined;
  if (limit < 1) throw new Refusal("CAPS_LEAVE_NOTHING", "The authority's max_tokens leaves no token for an answer");
  return withLimit(wire, body, limit);
}

function limitTools(wire: Wire, body: Bag, caps: readonly Cap[]): Bag | undefined {
  const names = (cap: string): readonly string[] | undefined => {
    const value = caps.find(({ name }) => name === cap)?.value;
    return Array.isArray(value) && value.length > 0 ? value.map(String) : undefined;
  };
  // A list of allowed tools makes that of denied ones void (Cycles §Caps).
  const allowed = names("tool_allowlist");
  const denied = allowed ? undefined : names("tool_denylist");
  if ((allowed ?? denied) === undefined) return undefined;
  const rule: Rule = {
    isList: allowed !== undefined,
    isAllowed: (name) => allowed?.includes(name) ?? !denied?.includes(name),
  };
  const { isAllowed } = rule;
  if (typeof body["prompt"] === "object" && !Array.isArray(body["prompt"]) && body["prompt"] !== null) {
    throw new Refusal(
      "CAPS_LEAVE_NOTHING",
      "A prompt that is kept at the provider may bring tools that are not allowed",
    );
  }
  const left: Record<string, unknown> = { ...body };
  const keep = (member: string, kept: readonly Bag[]): void => {
    if (isSame(body[member], kept)) return;
    if (kept.length > 0) left[member] = kept;
    else delete left[member];
  };
  keep(
    "tools",
    list(body["tools"]).flatMap((tool) => keepNames(wire, tool, rule)),
  );
  keep(
    "functions",
    list(body["functions"]).filter(({ name }) => isAllowed(String(name))),
  );
  keep(
    "mcp_servers",
    list(body["mcp_servers"]).filter((server) => isServerAllowed(server, rule)),
  );
  keep(
    "plugins",
    list(body["plugins"]).filter(({ id }) => isAllowed(String(id))),
  );
  for (const search of ["web_search_options", "search_parameters"]) {
    if (body[search] !== undefined && !isAllowed("web_search")) delete left[search];
  }
  for (const [choice, tools] of choices) {
    const isOrphaned = left[tools] === undefined || !chosenIn(body[choice]).every(isAllowed);
    if (body[choice] !== undefined && isOrphaned) delete left[choice];
  }
  return Object.entries(body).every(([name, value]) => left[name] === value) ? undefined : left;
}

/** Which tools may be offered. */
interface Rule {
  /** The allowed ones are listed; else the denied ones are. */
  readonly isList: boolean;
  readonly isAllowed: (name: string) => boolean;
}

/** Members that choose among tools, and where those stand. */
const choices = [
  ["tool_choice", "tools"],
  ["toolConfig", "tools"],
  ["tool_config", "tools"],
  ["function_call", "functions"],
] as const;

/** The tools that a choice names. */
function chosenIn(choice: unknown): readonly string[] {
  if (Array.isArray(choice)) return choice.flatMap((one) => (typeof one === "string" ? [one] : chosenIn(one)));
  return Object.entries(bag(choice)).flatMap(([name, value]) =>
    name === "name" ? [String(value)] : chosenIn(deeper(value)),
  );
}

function deeper(value: unknown): unknown {
  return typeof value === "object" ? value : undefined;
}

/**
 * The tools of an MCP server are known where it names them. Where it does not, a list of allowed ones must name the server,
 * and a list of denied ones cannot be held.
 */
function isServerAllowed(server: Bag, { isList, isAllowed }: Rule): boolean {
  const { allowed_tools: stated = bag(server["tool_configuration"])["allowed_tools"] } = server;
  const names: unknown = Array.isArray(stated) ? stated : bag(stated)["tool_names"];
  if (Array.isArray(names)) return names.every((name) => isAllowed(String(name)));
  return isList && isAllowed(text(server, "server_label") ?? text(server, "name") ?? "");
}

/** Whether a list of the body is left as it is. */
function isSame(all: unknown, left: readonly Bag[]): boolean {
  const before = list(all);
  return before.length === left.length && before.every((one, at) => one === left[at]);
}

/** A tool as it is, without the functions that are not allowed, or none. */
function keepNames(wire: Wire, tool: Bag, rule: Rule): Bag[] {
  const { isAllowed } = rule;
  if (tool["type"] === "mcp") return isServerAllowed(tool, rule) ? [tool] : [];
  const members = functionLists.filter((name) => Array.isArray(tool[name]));
  if (members.length === 0) return (wire.toolNames?.(tool) ?? []).every(isAllowed) ? [tool] : [];
  // Beside its functions, one of Gemini's may hold tools of the provider's.
  const kept = Object.entries(tool).flatMap(([name, value]): [string, unknown][] => {
    if (!members.includes(name)) return isAllowed(name) ? [[name, value]] : [];
    const left = list(value).filter((one) => isAllowed(String(one["name"])));
    return left.length === 0 ? [] : [[name, isSame(value, left) ? value : left]];
  });
  if (kept.length === Object.keys(tool).length && kept.every(([name, value]) => tool[name] === value)) return [tool];
  return kept.length === 0 ? [] : [Object.fromEntries(kept)];
}

const functionLists = ["functionDeclarations", "function_declarations"];
