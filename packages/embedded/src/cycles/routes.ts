import * as operations from "./operations.ts";
import { Refused } from "./refused.ts";

type Operation = operations.Operation;

const collections: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/v1/decide": { POST: operations.decide },
  "/v1/reservations": { POST: operations.createReservation, GET: operations.listReservations },
  "/v1/balances": { GET: operations.getBalances },
  "/v1/events": { POST: operations.createEvent },
};

const reservation: Readonly<Record<string, Operation>> = { GET: operations.getReservation };
const reservationActions: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  commit: { POST: operations.commitReservation },
  release: { POST: operations.releaseReservation },
  extend: { POST: operations.extendReservation },
};

/** An operation, and the reservation id in its path (empty where the path has none). */
export interface Route {
  readonly operation: Operation;
  readonly reservationId: string;
}

/** @throws Refused 404 for a path that is no operation's, 405 for another method, 400 for an id that is none. */
export function routeOf(method: string, path: string): Route {
  const collection = own(collections, path);
  if (collection !== undefined) return { operation: operationFor(method, collection), reservationId: "" };
  const [, encodedId, action] = /^\/v1\/reservations\/([^/]+)(?:\/([a-z]+))?$/.exec(path) ?? [];
  const methods = action === undefined ? reservation : own(reservationActions, action);
  if (encodedId === undefined || methods === undefined) throw new Refused("NOT_FOUND", "There is no such operation.");
  return { operation: operationFor(method, methods), reservationId: readPathId(encodedId) };
}

function own<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function operationFor(method: string, methods: Readonly<Record<string, Operation>>): Operation {
  const operation = own(methods, method);
  if (operation !== undefined) return operation;
  const allowed = Object.keys(methods).join(", ");
  throw new Refused("INVALID_REQUEST", `The operation takes ${allowed}.`, { status: 405, headers: { Allow: allowed } });
}

/** @throws Refused for an id that is none. */
export function readPathId(encoded: string): string {
  let id: string;
  try {
    id = decodeURIComponent(encoded);
  } catch {
    throw new Refused("INVALID_REQUEST", "The id in the path is not percent-encoded UTF-8.");
  }
  if (id.length <= 128) return id;
  throw new Refused("INVALID_REQUEST", "The id has more than 128 characters.");
}
