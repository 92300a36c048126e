import { describe, expect, it } from "vitest";
import {
  AbortedError,
  ConnectionError,
  ResponseFormatError,
  TimeoutError,
  type Transport,
  ValidationError,
  createFetchTransport,
  defaultTransport,
  usd,
} from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { CyclesClient, type CyclesClientOptions, ReservationExpiredError, metadataOf } from "@imprest/cycles";
import { type Answer, allow, committed, money, refusal, startStub, withAdditions } from "./support/stub-authority.ts";

const reserve = {
  subject: { tenant: "acme" },
  action: { kind: "llm.completion", name: "openai:gpt-5" },
  estimate: usd("0.005"),
};
const amount = { unit: "USD_MICROCENTS", amount: 500_000n };
const evidence = { evidence_id: "a".repeat(64), cycles_evidence_url: "https://cycles.example/v1/evidence/a" };
const record = {
  reservation_id: "rsv_1",
  status: "COMMITTED",
  subject: { tenant: "acme" },
  action: { kind: "llm.completion", name: "gpt" },
  reserved: money,
  committed: money,
  created_at_ms: 1,
  expires_at_ms: 2,
  finalized_at_ms: 3,
  scope_path: "tenant:acme",
  affected_scopes: ["tenant:acme"],
  metadata: { job: "7" },
  committed_metadata: { model: "x" },
  evidence: { commit: evidence },
};
const balance = { scope: "tenant:acme", scope_path: "tenant:acme", remaining: money };

const clientAt = (baseUrl: string, more: Partial<CyclesClientOptions> = {}): CyclesClient =>
  new CyclesClient({ baseUrl, apiKey: "cyc_live_0123456789", ...more });

/** Every operation: how it is called, what it sends, what success looks like. */
const operations: readonly {
  readonly name: string;
  readonly call: (client: CyclesClient) => Promise<object>;
  readonly sends: string;
  readonly success: { readonly status: number; readonly body: Record<string, unknown> };
}[] = [
  {
    name: "createReservation",
    call: (client) => client.createReservation({ ...reserve, ttl_ms: 10_000 }),
    sends: "POST /v1/reservations",
    success: { status: 200, body: allow },
  },
  {
    name: "dryRun",
    call: (client) => client.dryRun(reserve),
    sends: "POST /v1/reservations",
    success: { status: 200, body: { decision: "DENY", affected_scopes: [], reason_code: "BUDGET_EXCEEDED" } },
  },
  {
    name: "commitReservation",
    call: (client) => client.commitReservation("rsv_1", { actual: amount, metrics: { tokens_input: 5 } }),
    sends: "POST /v1/reservations/rsv_1/commit",
    success: { status: 200, body: { ...committed, cycles_evidence: evidence } },
  },
  {
    name: "releaseReservation",
    call: (client) => client.releaseReservation("rsv_1", { reason: "not needed" }),
    sends: "POST /v1/reservations/rsv_1/release",
    success: { status: 200, body: { status: "RELEASED", released: money } },
  },
  {
    name: "extendReservation",
    call: (client) => client.extendReservation("rsv_1", { extend_by_ms: 30_000 }),
    sends: "POST /v1/reservations/rsv_1/extend",
    success: { status: 200, body: { status: "ACTIVE", expires_at_ms: 5, remaining_ttl_ms: 4 } },
  },
  {
    name: "decide",
    call: (client) => client.decide(reserve),
    sends: "POST /v1/decide",
    success: { status: 200, body: { decision: "ALLOW_WITH_CAPS", caps: { max_tokens: 5 } } },
  },
  {
    name: "createEvent",
    call: (client) => client.createEvent({ subject: reserve.subject, action: reserve.action, actual: amount }),
    sends: "POST /v1/events",
    success: { status: 201, body: { status: "APPLIED", event_id: "evt_1" } },
  },
  {
    name: "getReservation",
    call: (client) => client.getReservation("rsv_1"),
    sends: "GET /v1/reservations/rsv_1",
    success: { status: 200, body: record },
  },
  {
    name: "listReservations",
    call: (client) =>
      client.listReservations({ status: "ACTIVE", include: ["metadata", "evidence"], limit: 5 }).first(),
    sends: "GET /v1/reservations?status=ACTIVE&include=metadata%2Cevidence&limit=5",
    success: { status: 200, body: { reservations: [record], has_more: false } },
  },
  {
    name: "getBalances",
    call: (client) => client.getBalances({ tenant: "acme", include_children: true }).first(),
    sends: "GET /v1/balances?tenant=acme&include_children=true",
    success: { status: 200, body: { balances: [balance] } },
  },
];

const transports: readonly (readonly [string, () => Transport])[] = [
  ["undici", defaultTransport],
  ["fetch", createFetchTransport],
];

describe.each(operations)("$name", ({ call, sends, success }) => {
  const isWrite = sends.startsWith("POST");

  it.each(transports)("sends one request and hands out the answer, over %s", async (_name, transport) => {
    const stub = await startStub(() => success);
    const answer = await call(clientAt(stub.url, { transport: transport() }));
    expect(toPlain(answer)).toEqual(success.body);
    expect(stub.received.map(({ method, path }) => `${method} ${path}`)).toEqual([sends]);
    const [request] = stub.received;
    expect(request?.headers["x-cycles-api-key"]).toBe("cyc_live_0123456789");
  });

  it("continues the caller's trace or starts one, and keeps the ids of the answer", async () => {
    const stub = await startStub(() => success);
    const answer = await call(clientAt(stub.url));
    expect(stub.received[0]?.headers["traceparent"]).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/);
    expect(stub.received[0]?.headers["user-agent"]).toBe("imprest-cycles");
    expect(metadataOf(answer)).toMatchObject({
      status: success.status,
      requestId: "req_1",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    });
  });

  it("members added later change nothing, at any depth", async () => {
    const stub = await startStub(() => ({ ...success, body: withAdditions(success.body) }));
    expect(await call(clientAt(stub.url))).toMatchObject({ x_added_later: { nested: [1, "two"] } });
    expect(stub.received).toHaveLength(1);
  });

  it.each([
    ["an empty body", { text: "" }],
    ["HTML", { text: "<html>welcome</html>" }],
    ["another shape", { body: { ok: true } }],
    ["a list", { body: [] }],
    ["null", { text: "null" }],
    ["no content", { status: 204 }],
    ["202", { status: 202, body: success.body }],
  ])("%s is a malformed success, never a crash", async (_what, answer) => {
    const stub = await startStub(() => ({ status: success.status, ...answer }));
    const error = await failure(call(clientAt(stub.url)));
    expect(error).toBeInstanceOf(ResponseFormatError);
    expect(error).toMatchObject({ status: "status" in answer ? answer.status : success.status });
    expect(stub.received).toHaveLength(1);
  });

  it(isWrite ? "is sent once when the server fails" : "is sent again when the server fails", async () => {
    const stub = await startStub((_request, count) => (count < 3 ? refusal(503, "INTERNAL_ERROR") : success));
    const outcome = await call(clientAt(stub.url)).catch((error: Error) => error);
    expect(stub.received).toHaveLength(isWrite ? 1 : 3);
    expect(outcome).toMatchObject(isWrite ? { errorCode: "INTERNAL_ERROR" } : {});
  });

  it("a reset connection is a ConnectionError", async () => {
    const stub = await startStub(() => (response) => response.destroy());
    const error = await failure(call(clientAt(stub.url)));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(stub.received).toHaveLength(isWrite ? 1 : 3);
  });

  it("a silent server is a TimeoutError", async () => {
    const stub = await startStub(() => () => {});
    expect(await failure(call(clientAt(stub.url, { timeoutMs: 50 })))).toBeInstanceOf(TimeoutError);
  });
});

describe("writes", () => {
  const writes = operations.filter(({ sends }) => sends.startsWith("POST"));

  it.each(writes)("$name carries its key in the header and in the body, minted anew per call", async (row) => {
    const stub = await startStub(() => row.success);
    const client = clientAt(stub.url);
    const answer = await row.call(client);
    await row.call(client);
    const [first, second] = stub.received;
    expect(first?.headers["x-idempotency-key"]).toBe(first?.json["idempotency_key"]);
    expect(first?.json["idempotency_key"]).not.toBe(second?.json["idempotency_key"]);
    expect(metadataOf(answer)?.idempotencyKey).toBe(first?.json["idempotency_key"]);
  });

  it("take the key from the options or from the request, and refuse two that differ", async () => {
    const stub = await startStub(() => ({ body: allow }));
    const client = clientAt(stub.url);
    await client.createReservation(reserve, { idempotencyKey: "job-7" });
    await client.createReservation({ ...reserve, idempotency_key: "job-8" });
    expect(stub.received.map(({ headers }) => headers["x-idempotency-key"])).toEqual(["job-7", "job-8"]);
    const twice = client.createReservation({ ...reserve, idempotency_key: "a" }, { idempotencyKey: "b" });
    await expect(twice).rejects.toThrow("differs from the key in the options");
    expect(stub.received).toHaveLength(2);
  });

  it("send no null: a member that is handed over as null is left out", async () => {
    const stub = await startStub(() => ({ body: allow }));
    const loose = JSON.parse('{"ttl_ms":null,"metadata":{"note":null},"overage_policy":null}') as object;
    await clientAt(stub.url).createReservation({ ...reserve, ...loose });
    const { idempotency_key: _key, ...sent } = stub.received[0]?.json ?? {};
    expect(sent).toEqual({ ...reserve, estimate: money, metadata: { note: null } });
  });

  it.each(["", "k\r\nx-admin: 1", "ключ", "a b", "k".repeat(257)])(
    "refuse the key %j unsent",
    async (idempotencyKey) => {
      const stub = await startStub(() => ({ body: allow }));
      await expect(clientAt(stub.url).createReservation(reserve, { idempotencyKey })).rejects.toThrow(ValidationError);
      expect(stub.received).toHaveLength(0);
    },
  );

  it("a request beyond the protocol's limits is refused unsent", async () => {
    const stub = await startStub(() => ({ body: allow }));
    const client = clientAt(stub.url);
    await expect(client.createReservation({ ...reserve, ttl_ms: 1000.5 })).rejects.toThrow(
      "/ttl_ms must be a whole number".replace(" ", ": "),
    );
    await expect(client.createReservation({ ...reserve, subject: { tenant: "a/b" } })).rejects.toThrow(
      "/subject/tenant",
    );
    await expect(client.commitReservation("rsv_1", { actual: usd("-1") })).rejects.toThrow("/actual/amount");
    await expect(client.releaseReservation("rsv_1", { reason: "r".repeat(257) })).rejects.toThrow("/reason");
    expect(() => client.getBalances({})).toThrow("must name at least one of tenant");
    expect(() => client.listReservations({ limit: 0 })).toThrow("/limit");
    expect(stub.received).toHaveLength(0);
  });

  it("dry_run goes with dryRun only, and a reservation made by a dry run is an error", async () => {
    const stub = await startStub(() => ({ body: allow }));
    const client = clientAt(stub.url);
    const request = { ...reserve, dry_run: true };
    await expect(client.createReservation(request)).rejects.toThrow("dryRun");
    await expect(client.createReservation({ ...reserve, observe_mode: "OBSERVE" })).rejects.toThrow("/observe_mode");
    expect(stub.received).toHaveLength(0);
    await expect(client.dryRun(reserve)).rejects.toThrow(ResponseFormatError);
    expect(stub.received[0]?.json["dry_run"]).toBe(true);
  });

  it("an ALLOW without a reservation is malformed", async () => {
    const stub = await startStub(() => ({ body: { ...allow, reservation_id: undefined } }));
    await expect(clientAt(stub.url).createReservation(reserve)).rejects.toThrow("holds no reservation_id");
  });
});

describe("amounts", () => {
  it("a reserve whose balances exceed 2^53 works, and stays exact", async () => {
    const remaining = '{"unit":"USD_MICROCENTS","amount":9223372036854775807}';
    const balances = `[{"scope":"s","scope_path":"s","remaining":${remaining}}]`;
    const stub = await startStub(() => ({ text: `${JSON.stringify(allow).slice(0, -1)},"balances":${balances}}` }));
    const answer = await clientAt(stub.url).createReservation(reserve);
    expect(answer.balances?.[0]?.remaining.amount).toBe(9_223_372_036_854_775_807n);
    expect(stub.received).toHaveLength(1);
  });

  it("a read does not round", async () => {
    const text =
      '{"balances":[{"scope":"s","scope_path":"s","remaining":{"unit":"TOKENS","amount":-9007199254740993}}]}';
    const stub = await startStub(() => ({ text }));
    const page = await clientAt(stub.url).getBalances({ tenant: "acme" }).first();
    expect(page.balances[0]?.remaining.amount).toBe(-9_007_199_254_740_993n);
  });

  it("leave as plain integers", async () => {
    const stub = await startStub(() => ({ body: committed }));
    const actual = { unit: "USD_MICROCENTS", amount: 9_223_372_036_854_775_807n };
    await clientAt(stub.url).commitReservation("rsv_1", { actual });
    expect(stub.received[0]?.body).toContain('"amount":9223372036854775807}');
  });
});

describe("paths", () => {
  it("an id is encoded, so that it reaches no other path", async () => {
    const stub = await startStub(() => ({ body: committed }));
    await clientAt(stub.url).commitReservation("a/../../admin?x=1#", { actual: amount });
    expect(stub.received[0]?.path).toBe("/v1/reservations/a%2F..%2F..%2Fadmin%3Fx%3D1%23/commit");
  });

  it.each(["", ".", "..", "x".repeat(129), "\ud800"])("the id %j is refused unsent", async (id) => {
    const stub = await startStub(() => ({ body: record }));
    await expect(clientAt(stub.url).getReservation(id)).rejects.toThrow(ValidationError);
    expect(stub.received).toHaveLength(0);
  });

  it("slashes at the end of the base URL do not double, and its path is kept", async () => {
    const stub = await startStub(() => ({ body: { balances: [] } }));
    await clientAt(`${stub.url}//`).getBalances({ tenant: "acme" }).first();
    await clientAt(`${stub.url}/cycles/`).getBalances({ tenant: "acme" }).first();
    expect(stub.received.map(({ path }) => path)).toEqual([
      "/v1/balances?tenant=acme",
      "/cycles/v1/balances?tenant=acme",
    ]);
  });

  it("a redirect does not carry the API key away", async () => {
    const thief = await startStub(() => ({ body: allow }));
    const redirect: Answer = { status: 307, headers: { location: `${thief.url}/v1/reservations` } };
    const stub = await startStub(() => redirect);
    for (const [, transport] of transports) {
      const client = clientAt(stub.url, { transport: transport() });
      await expect(client.createReservation(reserve)).rejects.toThrow(ResponseFormatError);
    }
    expect(thief.received).toEqual([]);
  });
});

describe("calls", () => {
  it("end when the caller aborts, with the caller's reason", async () => {
    const caller = new AbortController();
    const stub = await startStub(() => () => caller.abort(new Error("enough")));
    const error = await failure(clientAt(stub.url).createReservation(reserve, { signal: caller.signal }));
    expect(error).toBeInstanceOf(AbortedError);
    expect((error as Error).cause).toEqual(new Error("enough"));
  });

  it("have a deadline of their own", async () => {
    const stub = await startStub(() => () => {});
    const error = await failure(clientAt(stub.url).decide(reserve, { timeoutMs: 30 }));
    expect(error).toMatchObject({ name: "TimeoutError", timeoutMs: 30 });
    await expect(clientAt(stub.url).decide(reserve, { timeoutMs: 0 })).rejects.toThrow("/timeoutMs");
  });

  it("keep the caller's traceparent, and replace one that is malformed", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const stub = await startStub(() => ({ body: allow }));
    const client = clientAt(stub.url);
    await client.createReservation(reserve, { traceparent });
    await client.createReservation(reserve, { traceparent: "00-0-0-00\r\nx: 1" });
    expect(stub.received[0]?.headers["traceparent"]).toBe(traceparent);
    expect(stub.received[1]?.headers["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it("leave no timer behind", async () => {
    const clock = createManualClock();
    const stub = await startStub((_request, count) =>
      count === 1 ? { body: allow } : refusal(409, "BUDGET_EXCEEDED"),
    );
    const client = clientAt(stub.url, { clock });
    await client.createReservation(reserve);
    await expect(client.createReservation(reserve)).rejects.toThrow("BUDGET_EXCEEDED");
    expect(clock.timers).toBe(0);
  });

  it("an expired reservation is a typed error on get (Cycles §getReservation, EXPIRY)", async () => {
    const stub = await startStub(() => refusal(410, "RESERVATION_EXPIRED"));
    await expect(clientAt(stub.url).getReservation("rsv_1")).rejects.toBeInstanceOf(ReservationExpiredError);
  });

  it("hold the tenant and the rate limit; the sentinels -1 and 0 count as absent", async () => {
    const limits = [
      { "x-ratelimit-remaining": "-1", "x-ratelimit-reset": "0", "x-cycles-tenant": "acme" },
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1900000000" },
      { "x-ratelimit-remaining": "many" },
    ];
    const stub = await startStub((_request, count) => ({ body: allow, headers: limits[count - 1] ?? {} }));
    const client = clientAt(stub.url);
    const read = async (): Promise<unknown> => metadataOf(await client.createReservation(reserve));
    const unlimited = await read();
    expect(unlimited).toMatchObject({ tenant: "acme" });
    expect(unlimited).not.toHaveProperty("rateLimit");
    expect(await read()).toMatchObject({ rateLimit: { remaining: 0, reset: 1_900_000_000 } });
    expect(await read()).not.toHaveProperty("rateLimit");
  });
});

async function failure(calling: Promise<unknown>): Promise<unknown> {
  try {
    await calling;
  } catch (error) {
    return error;
  }
  throw new Error("it was answered");
}

/** Back to JSON numbers, for a comparison with what the stub wrote. */
function toPlain(answer: object): unknown {
  return JSON.parse(
    JSON.stringify(answer, (_key, value: unknown) => (typeof value === "bigint" ? Number(value) : value)),
  );
}
