import { type Metrics } from "@imprest/core";
import { type ExactJson, type Shape, parseJson, parseWire, subjectLevels } from "@imprest/core/internal";
import {
  type BalanceQuery,
  type ReservationListQuery,
  type StandardMetrics,
  balanceQuery,
  reservationListQuery,
} from "@imprest/core/models/cycles";
import type { TimeWindow } from "../ledger/list-reservations.ts";
import type { ReservationStatus } from "../ledger/reservation.ts";
import { Refused } from "./refused.ts";
import { namesMemberTwice } from "../http/duplicate-members.ts";
import type { WireRequest } from "../http/wire.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * The body, checked. @throws Refused for what is no JSON, ValidationError for what the schema refuses; and Refused when
 * the header and the body name different idempotency keys (Cycles §IDEMPOTENCY).
 */
export function readBody<Body extends { readonly idempotency_key: string }>(
  request: WireRequest,
  schema: Shape<Body>,
): Body {
  const body = readUnkeyedBody(request, schema);
  const header = request.header("x-idempotency-key");
  if (header !== undefined && header !== body.idempotency_key) {
    throw new Refused("INVALID_REQUEST", "X-Idempotency-Key and the body's idempotency_key differ; send one key.");
  }
  return body;
}

/** The body of a write that takes no idempotency key, checked. @throws as `readBody`. */
export function readUnkeyedBody<Body>(request: WireRequest, schema: Shape<Body>): Body {
  const type = request.header("content-type");
  if (type !== undefined && !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new Refused("INVALID_REQUEST", "The body must be application/json.");
  }
  const encoding = request.header("content-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new Refused("INVALID_REQUEST", "The body must be sent without a Content-Encoding.");
  }
  return parseWire(schema, readJson(request.body), "request body");
}

function readJson(bytes: Uint8Array): ExactJson {
  let text: string;
  let value: ExactJson;
  try {
    text = decoder.decode(bytes);
    value = parseJson(text);
  } catch {
    // Not UTF-8, not JSON, or nested beyond what the platform parses: all of it is the caller's to correct.
    throw new Refused("INVALID_REQUEST", "The body is not JSON in UTF-8.");
  }
  if (!namesMemberTwice(text, value)) return value;
  throw new Refused("INVALID_REQUEST", "The body names a member twice; readers would differ in which they take.");
}

/** @throws ValidationError. */
export function readBalanceQuery(query: URLSearchParams): BalanceQuery {
  const { include_children: children, limit, ...texts } = pick(query, balanceParameters);
  return parseWire(
    balanceQuery,
    { ...texts, ...numberIn("limit", limit), ...(children !== undefined && { include_children: flagOf(children) }) },
    "query",
  );
}

/** @throws ValidationError. */
export function readListQuery(query: URLSearchParams): ReservationListQuery {
  const { include, limit, ...texts } = pick(query, listParameters);
  const included = include?.split(",").map((token) => token.trim());
  if (texts.status !== undefined && !statuses.has(texts.status)) {
    throw new Refused("INVALID_REQUEST", `status must be one of ${[...statuses].join(", ")}.`);
  }
  return parseWire(
    reservationListQuery,
    { ...texts, ...numberIn("limit", limit), ...(included !== undefined && { include: included }) },
    "query",
  );
}

/** A word that no reservation bears would list nothing, and say that there is nothing (Cycles §ReservationStatus). */
const statuses: ReadonlySet<string> = new Set<ReservationStatus>(["ACTIVE", "COMMITTED", "RELEASED", "EXPIRED"]);

const pageParameters = ["limit", "cursor"] as const;
const balanceParameters = [...subjectLevels, "include_children", ...pageParameters] as const;
const listParameters = [
  "idempotency_key",
  "status",
  ...subjectLevels,
  "from",
  "to",
  "expires_from",
  "expires_to",
  "finalized_from",
  "finalized_to",
  "sort_by",
  "sort_dir",
  "include",
  ...pageParameters,
] as const;

/** A query of texts, a `limit` and what else was read of it, checked. @throws ValidationError. */
export function readQuery<Query>(
  query: URLSearchParams,
  names: readonly string[],
  shape: Shape<Query>,
  others: object = {},
): Query {
  const { limit, ...texts } = pick(query, [...names, ...pageParameters]);
  return parseWire(shape, { ...texts, ...others, ...numberIn("limit", limit) }, "query");
}

/** The parameters that this version knows, others ignored, blank ones unset (Cycles §listReservations). */
function pick<Name extends string>(query: URLSearchParams, names: readonly Name[]): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = query.get(name);
    if (value !== null && value !== "") found[name] = value;
  }
  return found;
}

/** Text that is no number stays text, for the schema to refuse. */
function numberIn(name: string, text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  return { [name]: /^\d{1,9}$/.test(text) ? Number(text) : text };
}

export function flagOf(text: string): unknown {
  return text === "true" ? true : text === "false" ? false : text;
}

/** An inclusive window of ISO 8601 instants that a schema has checked. */
export function windowOf(from: string | undefined, to: string | undefined): TimeWindow {
  return { from: from === undefined ? undefined : Date.parse(from), to: to === undefined ? undefined : Date.parse(to) };
}

/** The neutral words for the wire's standard metrics. */
export function readMetrics(metrics: StandardMetrics | undefined): Metrics | undefined {
  if (metrics === undefined) return undefined;
  const { tokens_input, tokens_output, latency_ms, model_version, custom } = metrics;
  return {
    inputTokens: tokens_input,
    outputTokens: tokens_output,
    latencyMs: latency_ms,
    modelVersion: model_version,
    custom,
  };
}
