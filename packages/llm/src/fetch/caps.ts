import { type Cap, capped } from "@imprest/core";
import { Refusal } from "./refusal.ts";
import { type Bag, type Wire, bag, list } from "./wires/wire.ts";

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

/** Reads the limit of the answer that a body states. */
function statedLimit(wire: Wire, body: Bag): number | undefined {
  const [outer, inner] = wire.limitAt?.(body) ?? [];
  if (outer === undefined) return undefined;
  const value = inner === undefined ? body[outer] : bag(body[outer])[inner];
  return typeof value === "number" ? value : undefined;
}

/** The body with another limit of the answer. */
export function withLimit(wire: Wire, body: Bag, limit: number): Bag {
  const [outer, inner] = wire.limitAt?.(body) ?? [];
  if (outer === undefined) return body;
  return { ...body, [outer]: inner === undefined ? limit : { ...bag(body[outer]), [inner]: limit } };
}

function limitAnswer(wire: Wire, body: Bag, caps: readonly Cap[], answers: number): Bag | undefined {
  if (wire.limitAt === undefined) return undefined;
  const stated = statedLimit(wire, body) ?? Infinity;
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
  const { tools, functions } = body;
  if ((allowed ?? denied) === undefined || (tools === undefined && functions === undefined)) return undefined;
  const isAllowed = (name: string): boolean => allowed?.includes(name) ?? !denied?.includes(name);
  const left = list(tools).flatMap((tool) => keepNames(wire, tool, isAllowed));
  const older = list(functions).filter(({ name }) => isAllowed(String(name)));
  if (isSame(tools, left) && isSame(functions, older)) return undefined;
  const { tools: _tools, tool_choice, toolConfig, tool_config, functions: _functions, function_call, ...others } = body;
  return {
    ...others,
    ...(left.length > 0 && given({ tools: left, tool_choice, toolConfig, tool_config })),
    ...(older.length > 0 && given({ functions: older, function_call })),
  };
}

/** Whether a list of the body is left as it is. */
function isSame(all: unknown, left: readonly Bag[]): boolean {
  const before = list(all);
  return before.length === left.length && before.every((one, at) => one === left[at]);
}

/** The members that have a value. */
function given(members: Bag): Bag {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** A tool as it is, without the functions that are not allowed, or none. */
function keepNames(wire: Wire, tool: Bag, isAllowed: (name: string) => boolean): Bag[] {
  const member = ["functionDeclarations", "function_declarations"].find((name) => Array.isArray(tool[name]));
  if (member === undefined) return (wire.toolNames?.(tool) ?? []).every(isAllowed) ? [tool] : [];
  const left = list(tool[member]).filter(({ name }) => isAllowed(String(name)));
  if (isSame(tool[member], left)) return [tool];
  return left.length === 0 ? [] : [{ ...tool, [member]: left }];
}
