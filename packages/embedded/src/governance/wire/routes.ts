import { subjectLevels } from "@imprest/core/internal";
import { readPathId } from "../../cycles/routes.ts";
import { Refused } from "../../cycles/refused.ts";
import * as operations from "./operations.ts";

/** Whose key an operation takes. */
export type Access = "admin" | "tenant" | "either";

/** An operation of the governance plane, and the id in its path (empty where the path has none). */
export interface GovernedRoute {
  readonly operation: operations.GovernedOperation;
  readonly access: Access;
  readonly id: string;
}

type Entry = readonly [method: "GET" | "POST", path: RegExp, access: Access, operation: operations.GovernedOperation];

const entries: readonly Entry[] = [
  ["GET", /^\/v1\/auth\/introspect$/, "either", operations.introspectAuth],
  ["GET", /^\/v1\/admin\/events$/, "admin", operations.listEvents],
  ["GET", /^\/v1\/admin\/events\/([^/]+)$/, "admin", operations.getEvent],
  ["GET", /^\/v1\/admin\/webhooks\/([^/]+)\/deliveries$/, "admin", operations.listWebhookDeliveries],
  ["POST", /^\/v1\/admin\/webhooks\/([^/]+)\/replay$/, "admin", operations.replayEvents],
  ["GET", /^\/v1\/webhooks\/([^/]+)\/deliveries$/, "either", operations.listWebhookDeliveries],
  ["GET", /^\/v1\/admin\/action-quota-counters$/, "either", operations.listActionQuotaCounters],
  ["POST", /^\/v1\/admin\/action-quota-counters\/reset$/, "admin", operations.resetActionQuotaCounter],
];

/**
 * The route of a request, where it is one of the governance plane's; `undefined` where the runtime plane is asked. Two
 * paths belong to both: `GET /v1/events` is this plane's, and so is `GET /v1/balances` unless it names a subject.
 * @throws Refused 405 for another method.
 */
export function governedRouteOf(method: string, path: string, query: URLSearchParams): GovernedRoute | undefined {
  if (method === "GET" && path === "/v1/events")
    return { operation: operations.listTenantEvents, access: "tenant", id: "" };
  if (method === "GET" && path === "/v1/balances" && !subjectLevels.some((level) => query.get(level))) {
    return { operation: operations.getBudgetLedgers, access: "tenant", id: "" };
  }
  for (const [taken, pattern, access, operation] of entries) {
    const match = pattern.exec(path);
    if (match === null) continue;
    if (method === taken) return { operation, access, id: readPathId(match[1] ?? "") };
    throw new Refused("INVALID_REQUEST", `The operation takes ${taken}.`, { status: 405, headers: { Allow: taken } });
  }
  return undefined;
}
