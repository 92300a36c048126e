import { isBag } from "../usage/members.ts";
import { type RequestBody, toolsOf } from "./request-body.ts";

/** Members of a request that let the provider call its model or its tools again. */
const looping = new Set(["search_parameters", "web_search_options", "plugins", "mcp_servers"]);
/** What the caller's own program runs: its schema is in the request, or it is one that the model knows. */
const ownTool = /^(?:function|custom|bash|text_editor|computer|memory|local_shell|shell|apply_patch)(?:_|$)/;

/** The first member, as a pointer, that lets the provider read what the request does not hold; `undefined` where there is none. */
export function findLooping(body: RequestBody): string | undefined {
  const member = Object.entries(body).find(
    ([name, value]) => looping.has(name) && value !== null && value !== undefined,
  );
  if (member) return `/request/${member[0]}`;
  // A compaction is a request of its own, whose summary no limit of the answer bounds.
  if (/compact/.test(JSON.stringify(body["context_management"] ?? ""))) return "/request/context_management";
  const at = toolsOf(body).findIndex((tool) => isBag(tool) && !isOwnTool(tool));
  return at < 0 ? undefined : `/request/tools/${at}`;
}

function isOwnTool(tool: RequestBody): boolean {
  if (["functionDeclarations", "function_declarations", "input_schema", "toolSpec"].some((name) => name in tool))
    return true;
  const { type } = tool;
  // OpenAI's group of functions under a name: all of them are in the request.
  if (type === "namespace") return toolsOf(tool).every((one) => isBag(one) && isOwnTool(one));
  return typeof type === "string" ? ownTool.test(type) : "function" in tool || "name" in tool;
}
