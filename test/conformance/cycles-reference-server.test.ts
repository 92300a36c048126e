import { type HttpRequest, type Transport } from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import { CyclesClient, CyclesError, releaseOrphan } from "@imprest/cycles";
import { ActionKindRegistry, CyclesGovernanceClient } from "@imprest/cycles/governance";
import { describe, expect, it } from "vitest";
import { isMissing, textOf } from "./shared.ts";

// What the reference server answered to each operation, given to the clients as it came. It writes `null` for members that
// are absent (Cycles knows no null: an optional member is there or not), so the clients must read the two alike.

interface Exchange {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly credential?: "x-cycles-api-key" | "x-admin-api-key";
  readonly body?: string;
  readonly status: number;
  readonly answer: string;
}

const exchangesOf = (plane: "runtime" | "governance"): readonly Exchange[] =>
  isMissing
    ? []
    : (JSON.parse(textOf(`cycles/reference-server/${plane}.json`)) as { readonly exchanges: Exchange[] }).exchanges;

/** A transport that gives `answers` in turn, and what was sent over it. */
function replayOf(answers: readonly Pick<Exchange, "status" | "answer">[]) {
  const sent: HttpRequest[] = [];
  const transport: Transport = (request) => {
    const { status, answer } = answers[sent.push(request) - 1] ?? { status: 599, answer: "" };
    return Promise.resolve({ status, headers: {}, body: answer });
  };
  const options = { baseUrl: "https://authority.example", readAttempts: 1, transport };
  return { sent, options };
}

/** What a query's parameters stand for in the clients' words. */
function queryOf(path: string): Record<string, unknown> {
  const { searchParams } = new URL(path, "https://authority.example");
  return Object.fromEntries(
    Array.from(searchParams, ([name, text]): [string, unknown] => {
      if (name === "include") return [name, text.split(",")];
      if (name === "limit") return [name, Number(text)];
      return [name, name.startsWith("include_") ? text === "true" : text];
    }),
  );
}

type Call = (id: string, query: Record<string, unknown>, request: never) => Promise<unknown>;

function runtimeCalls(client: CyclesClient): Readonly<Record<string, Call>> {
  return {
    "POST /v1/decide": (_id, _query, request) => client.decide(request),
    "POST /v1/events": (_id, _query, request) => client.createEvent(request),
    "POST /v1/reservations": (_id, _query, request: { readonly dry_run?: boolean }) =>
      request.dry_run === true ? client.dryRun(request as never) : client.createReservation(request as never),
    "POST /v1/reservations/{id}/commit": (id, _query, request) => client.commitReservation(id, request),
    "POST /v1/reservations/{id}/release": (id, _query, request) => client.releaseReservation(id, request),
    "POST /v1/reservations/{id}/extend": (id, _query, request) => client.extendReservation(id, request),
    "GET /v1/reservations/{id}": (id) => client.getReservation(id),
    "GET /v1/reservations": (_id, query) => client.listReservations(query).first(),
    "GET /v1/balances": (_id, query) => client.getBalances(query).first(),
  };
}

function governanceCalls(client: CyclesGovernanceClient, registry: ActionKindRegistry): Readonly<Record<string, Call>> {
  return {
    "GET /v1/auth/introspect": () => client.introspect(),
    "GET /v1/events": (_id, query) => client.listTenantEvents(query).first(),
    "GET /v1/admin/events": (_id, query) => client.listEvents(query).first(),
    "GET /v1/admin/events/{id}": (id) => client.getEvent(id),
    "GET /v1/admin/webhooks/{id}/deliveries": (id, query) => client.listWebhookDeliveries(id, query).first(),
    "GET /v1/webhooks/{id}/deliveries": (id, query) => client.listTenantWebhookDeliveries(id, query).first(),
    "POST /v1/admin/webhooks/{id}/replay": (id, _query, request) => client.replayEvents(id, request),
    "GET /v1/balances": (_id, query) => client.getBudgetLedgers(query).first(),
    "GET /v1/admin/action-quota-counters": (_id, query) => client.listActionQuotaCounters(query).first(),
    "GET /v1/action-kinds": () => registry.list(),
  };
}

/** What an administrator sets up; the clients have no operations for it. */
const setUp = new Set(
  ["tenants", "api-keys", "budgets", "webhooks"]
    .map((what) => `POST /v1/admin/${what}`)
    .concat("PUT /v1/admin/config/webhook-security"),
);

/** The operation's name, and the id in its path. */
function operationOf({ method, path }: Exchange): readonly [name: string, id: string] {
  const [bare = ""] = path.split("?", 1);
  const [, before = bare, id = "", after = ""] =
    /^(\/v1\/(?:reservations|admin\/events|(?:admin\/)?webhooks))\/([^/]+)(.*)$/.exec(bare) ?? [];
  return [`${method} ${before}${id && "/{id}"}${after}`, decodeURIComponent(id)];
}

/** JSON that the protocol leaves to its users: a `null` in it is theirs. */
const free = new Set(["metadata", "committed_metadata", "data"]);

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const present = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(present.map(([name, member]) => [name, free.has(name) ? member : withoutNulls(member)]));
}

/** Makes the call of an exchange: what it came to, and what was sent for it. */
async function replay(
  exchange: Exchange,
  calls: Readonly<Record<string, Call>>,
  sent: readonly HttpRequest[],
): Promise<unknown> {
  const [name, id] = operationOf(exchange);
  const call = calls[name];
  if (call === undefined) throw new Error(`No client has the operation ${name}.`);
  const request = exchange.body === undefined ? undefined : parseJson(exchange.body);
  const outcome = await call(id, queryOf(exchange.path), request as never).catch((error: unknown) => error);
  expect(sent).toHaveLength(1);
  const url = new URL(sent[0]?.url ?? "");
  const wanted = new URL(exchange.path, url);
  expect([sent[0]?.method, url.pathname]).toEqual([exchange.method, wanted.pathname]);
  expect(Object.fromEntries(url.searchParams)).toEqual(Object.fromEntries(wanted.searchParams));
  if (request !== undefined) expect(parseJson(sent[0]?.body ?? "")).toEqual(request);
  return outcome;
}

/** An answer of success is handed out whole, without its nulls; any other is the error that its body names. */
function expectRead({ path, status, answer }: Exchange, outcome: unknown): void {
  // A key without a governance surface is no error (Cycles governance §introspectAuth); there it is answered 403.
  if (path === "/v1/auth/introspect" && (status === 401 || status === 403)) return expect(outcome).toBeUndefined();
  if (status < 300) {
    if (outcome instanceof Error) throw outcome;
    expect(parseJson(stringifyJson(outcome))).toStrictEqual(withoutNulls(parseJson(answer)));
    return;
  }
  if (!CyclesError.isInstance(outcome)) throw outcome;
  const code = answer.startsWith("{") ? (JSON.parse(answer) as { readonly error: string }).error : `HTTP_${status}`;
  expect(outcome).toMatchObject({ status, errorCode: code });
}

const titled = (exchange: Exchange, at: number): readonly [string, Exchange] => [
  `${at + 1}: ${exchange.method} ${exchange.path.slice(0, 60)} (${exchange.status})`,
  exchange,
];

describe.skipIf(isMissing)("the reference server's answers", () => {
  it.each(exchangesOf("runtime").map(titled))("of the runtime plane are read, %s", async (_title, exchange) => {
    const { sent, options } = replayOf([exchange]);
    const calls = runtimeCalls(new CyclesClient({ ...options, apiKey: "test-key" }));
    expectRead(exchange, await replay(exchange, calls, sent));
  });

  const asked = exchangesOf("governance").filter((exchange) => !setUp.has(operationOf(exchange)[0]));

  it.each(asked.map(titled))("of the governance plane are read, %s", async (_title, exchange) => {
    const { sent, options } = replayOf([exchange]);
    const key = exchange.credential === "x-admin-api-key" ? { adminApiKey: "test-key" } : { apiKey: "test-key" };
    const client = new CyclesGovernanceClient({ ...options, ...key });
    const calls = governanceCalls(client, new ActionKindRegistry(options));
    expectRead(exchange, await replay(exchange, calls, sent));
  });

  it("let releaseOrphan find the reservation of a lost answer, and release it", async () => {
    const exchanges = exchangesOf("runtime");
    const listed = exchanges.find(({ path }) => path === "/v1/reservations?idempotency_key=orph");
    const released = exchanges.find(({ path, status }) => path.endsWith("/release") && status === 200);
    if (listed === undefined || released === undefined) throw new Error("The exchanges are others now.");
    const { sent, options } = replayOf([listed, released]);
    const sweep = await releaseOrphan(new CyclesClient({ ...options, apiKey: "test-key" }), "orph");
    const [{ reservation_id: id }] = (JSON.parse(listed.answer) as { reservations: [{ reservation_id: string }] })
      .reservations;
    expect(sweep).toMatchObject({ released: [{ reservation_id: id }], over: [] });
    expect(sent[1]?.url).toContain(`/v1/reservations/${id}/release`);
  });
});
