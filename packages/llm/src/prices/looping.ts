import type { RequestBody } from "./request-body.ts";
import { type ServerTool, serverTools } from "./server-tools.ts";

/** Members of a request that let the provider call its model or its tools again. */
const looping = new Set(["search_parameters", "web_search_options", "plugins", "mcp_servers"]);

/** The first member, as a pointer, that lets the provider read what the request does not hold; `undefined` where there is none. */
export function findLooping(body: RequestBody, tools: readonly ServerTool[] = serverTools(body)): string | undefined {
  const member = Object.entries(body).find(
    ([name, value]) => looping.has(name) && value !== null && value !== undefined,
  );
  if (member) return `/request/${member[0]}`;
  // A compaction is a request of its own, whose summary no limit of the answer bounds.
  if (/compact/.test(JSON.stringify(body["context_management"] ?? ""))) return "/request/context_management";
  return tools[0]?.pointer;
}
