import type { ArrivedRequest } from "./request.ts";
import type { CountTokens } from "./tokens.ts";
import { listOf } from "./wires/wire.ts";

/** What providers answer for nothing: their models, and counts of tokens. `undefined` for any other request. */
export function freeAnswer(
  { method, path, query, body }: ArrivedRequest,
  models: readonly string[],
  count: CountTokens,
): Response | undefined {
  if (method === "GET" && path.endsWith("/models")) {
    const data = models.map((id) => ({ id, object: "model", type: "model", created: 0, owned_by: "imprest" }));
    const named = models.map((id) => ({ name: `models/${id}` }));
    return Response.json(query.has("pageSize") ? { models: named } : { object: "list", data, has_more: false });
  }
  if (method !== "POST" || body === undefined) return undefined;
  const parts = [...listOf(body["tools"]), ...listOf(body["system"]), ...listOf(body["messages"] ?? body["contents"])];
  const tokens = parts.reduce<number>((sum, part) => sum + count(JSON.stringify(part)), 0);
  if (path.endsWith("/messages/count_tokens")) return Response.json({ input_tokens: tokens });
  if (path.endsWith(":countTokens")) return Response.json({ totalTokens: tokens });
  return undefined;
}
