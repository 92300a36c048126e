import { camelCase, isBag, snakeCase } from "../usage/members.ts";
import { type RequestBody, toolsOf } from "./request-body.ts";
import { whole } from "./whole.ts";

/** A tool that runs at the provider, as a request declares it. */
export interface ServerTool {
  readonly pointer: string;
  /** What a call of it is charged as; `undefined` where it costs the tokens that it reads alone. */
  readonly unit: string | undefined;
  /** How often the request lets it be charged; `undefined` where it does not say. */
  readonly most: number | undefined;
}

/** What the caller's own program runs: its schema is in the request, or it is one that the model knows. */
const ownTool = /^(?:function|custom|bash|text_editor|computer|memory|local_shell|shell|apply_patch)(?:_|$)/;
const ownMembers = ["function", "name", "input_schema", "toolSpec", "cachePoint"];
const functionLists = ["functionDeclarations", "function_declarations"];

/** Charged by their tokens alone, at whichever provider. */
const byTokens = /^(?:web_fetch|tool_search|mcp|advisor|url_context)/;
/** The same, at Google alone. */
const googleByTokens = new Set(["code_execution", "file_search", "computer_use", "retrieval"]);

/** What a call is charged as, where the name of its tool does not say it: as price files and usage objects name it. */
const units: ReadonlyMap<string, string> = new Map([
  ["google_search", "webSearch"],
  ["google_search_retrieval", "webSearch"],
  ["enterprise_web_search", "webSearch"],
  ["google_maps", "mapsGrounding"],
  ["code_interpreter", "codeInterpreterSession"],
]);

/** Every tool that runs at the provider. @throws ValidationError for a limit that is no whole number. */
export function serverTools(body: RequestBody): readonly ServerTool[] {
  const all = toolsOf(body).flatMap((tool, at) => declaredBy(tool, `/request/tools/${at}`));
  const { max_tool_calls: total } = body;
  const limit = total === undefined || total === null ? Infinity : whole(total, "/request/max_tool_calls");
  return [...all, ...searchesOf(body)].map(({ most = Infinity, ...tool }) => {
    const least = Math.min(most, limit);
    return { ...tool, most: least === Infinity ? undefined : least };
  });
}

function declaredBy(tool: unknown, pointer: string): ServerTool[] {
  if (!isBag(tool)) return [];
  // OpenAI's group of functions under a name: all of them are in the request.
  if (tool["type"] === "namespace") return toolsOf(tool).flatMap((one) => declaredBy(one, pointer));
  const isGoogle = typeof tool["type"] !== "string" || String(tool["id"]).startsWith("google.");
  return namesOf(tool).map((name) => {
    const isFree = byTokens.test(name) || (isGoogle && googleByTokens.has(name));
    return {
      pointer,
      unit: isFree ? undefined : (units.get(name) ?? camelCase(name)),
      most: mostOf(tool, name, pointer),
    };
  });
}

/** The tools of the provider's in a member of `tools`, in snake case and without the date of a version. */
function namesOf(tool: RequestBody): readonly string[] {
  const { type, id } = tool;
  if (typeof type === "string" && !functionLists.some((name) => name in tool)) {
    // The AI SDK and its gateway name it by an id: `anthropic.web_search_20250305`; OpenRouter by `openrouter:web_search`.
    const named = type.startsWith("provider") && typeof id === "string" ? id : type;
    const name = snakeCase(named.replace(/^.*[.:]/, ""));
    if (ownTool.test(name)) return isHostedShell(tool) ? ["code_interpreter"] : [];
    return [name.replace(/_preview|_20\d{2}_?\d{2}_?\d{2}/g, "")];
  }
  if (ownMembers.some((name) => name in tool)) return [];
  // Google's stand in one object, each under its name, and may stand beside functions.
  const names = Object.keys(tool).filter((name) => !functionLists.includes(name) && isGiven(tool[name]));
  const { systemTool } = tool;
  if (isBag(systemTool)) return [String(systemTool["name"])];
  return names.length === 0 && !functionLists.some((name) => name in tool) ? ["unknown"] : names.map(snakeCase);
}

/** OpenAI's shell runs at the caller's, but for one in a container. */
function isHostedShell({ environment }: RequestBody): boolean {
  return isBag(environment) && String(environment["type"]).startsWith("container");
}

function mostOf(tool: RequestBody, name: string, pointer: string): number | undefined {
  // A request uses one container, however often.
  if (name === "code_interpreter") return 1;
  const settings = isBag(tool["args"]) ? { ...tool["args"], ...tool } : tool;
  const limit = settings["max_uses"] ?? settings["maxUses"];
  return isGiven(limit) ? whole(limit, `${pointer}/max_uses`) : undefined;
}

/** Searches that are asked for by a member of their own: of chat completions, of xAI, of OpenRouter. */
function searchesOf({ web_search_options, search_parameters, plugins }: RequestBody): ServerTool[] {
  const found: ServerTool[] = [];
  // OpenAI searches once for each answer.
  if (isGiven(web_search_options)) found.push({ pointer: "/request/web_search_options", unit: "webSearch", most: 1 });
  if (isBag(search_parameters) && search_parameters["mode"] !== "off") {
    const { max_search_results: limit } = search_parameters;
    const pointer = "/request/search_parameters";
    const most = isGiven(limit) ? whole(limit, `${pointer}/max_search_results`) : undefined;
    found.push({ pointer, unit: "source", most });
  }
  const isWeb = Array.isArray(plugins) && plugins.some((plugin) => isBag(plugin) && plugin["id"] === "web");
  if (isWeb) found.push({ pointer: "/request/plugins", unit: "webSearch", most: undefined });
  return found;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
