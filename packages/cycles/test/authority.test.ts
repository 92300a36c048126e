import { describe, expect, it, vi } from "vitest";
import {
  ConfigurationError,
  ConnectionError,
  type DeadLetter,
  DeniedError,
  ProtocolError,
  ResponseFormatError,
  type ReserveRequest,
  type Transport,
  ValidationError,
  memoryRecordStore,
  settlementQueue,
  usd,
  withReservation,
} from "@imprest/core";
import { stringifyJson } from "@imprest/core/internal";
import { createManualClock } from "@imprest/testing";
import { CyclesAuthority, type CyclesAuthorityOptions, type CyclesClientOptions, CyclesError } from "@imprest/cycles";
import { allow, refusal, startStub, type Answer, type StubAuthority } from "./support/stub-authority.ts";

const request: ReserveRequest = {
  estimate: usd("0.005"),
  action: { kind: "llm.completion" },
  subject: { tenant: "acme" },
};

async function serving(
  answer: Answer,
  options: CyclesAuthorityOptions = {},
  more: Partial<CyclesClientOptions> = {},
): Promise<{ authority: CyclesAuthority; stub: StubAuthority }> {
  const stub = await startStub(() => answer);
  return { authority: new CyclesAuthority({ baseUrl: stub.url, apiKey: "test-key", ...more }, options), stub };
}

const call = { idempotencyKey: "key-1" };

describe("reserve", () => {
  it("sends the request in the wire's words and hands out the grant", async () => {
    const evidence = { evidence_id: "a".repeat(64), cycles_evidence_url: "https://cycles.example/v1/evidence/a" };
    const { authority, stub } = await serving(
      { body: { ...allow, cycles_evidence: evidence } },
      { terms: { overage_policy: "REJECT", grace_period_ms: 1_000 } },
    );
    const grant = await authority.reserve({ ...request, metadata: { job: 7n } }, call);
    expect(stub.received[0]?.json).toEqual({
      idempotency_key: "key-1",
      subject: { tenant: "acme" },
      action: { kind: "llm.completion", name: "llm.completion" },
      estimate: { unit: "USD_MICROCENTS", amount: 500_000 },
      ttl_ms: 60_000,
      grace_period_ms: 1_000,
      overage_policy: "REJECT",
      metadata: { job: 7 },
    });
    expect(grant).toMatchObject({
      id: "rsv_1",
      decision: "ALLOW",
      reserved: usd("0.005"),
      caps: [],
      lease: { ttlMs: 60_000, remainingMs: 30_000, expiresAt: 1_900_000_000_000 },
      evidence: { id: evidence.evidence_id, url: evidence.cycles_evidence_url },
      requestId: "req_1",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    });
  });

  it("takes terms from the request over the configured ones, and refuses those it does not know", async () => {
    const { authority, stub } = await serving({ body: allow }, { terms: { overage_policy: "REJECT" } });
    const extensions = { cycles: { overage_policy: "ALLOW_WITH_OVERDRAFT" }, asp: { window: 5 } };
    await authority.reserve({ ...request, extensions }, call);
    expect(stub.received[0]?.json["overage_policy"]).toBe("ALLOW_WITH_OVERDRAFT");
    for (const cycles of [{ overage: 1 }, { overage_policy: "MAYBE" }, { grace_period_ms: -1 }]) {
      await expect(authority.reserve({ ...request, extensions: { cycles } }, call)).rejects.toThrow(ValidationError);
    }
    expect(stub.received).toHaveLength(1);
  });

  it("policy keys go with the action, on the reserve and on the late path", async () => {
    const policy_keys = { host: "api.sendgrid.com", custom: { list: "vip" } };
    const { authority, stub } = await serving({ body: allow });
    const grant = await authority.reserve({ ...request, extensions: { cycles: { policy_keys } } }, call);
    const action = { kind: "llm.completion", name: "llm.completion", policy_keys };
    expect(stub.received[0]?.json["action"]).toEqual(action);
    const intent = { kind: "commit", spend: { amount: usd("0.001"), basis: "actual" } } as const;
    const { fallback = "" } = authority.prepare(grant, intent, { idempotencyKey: "key-2", recordedAtMs: 0 });
    expect(JSON.parse(fallback)).toMatchObject({ action });
    const long = { policy_keys: { host: "h".repeat(254) } };
    await expect(authority.reserve({ ...request, extensions: { cycles: long } }, call)).rejects.toThrow("/host");
  });

  it("completes the subject level by level, dimensions included", async () => {
    const subject = { tenant: "acme", app: "chat", dimensions: { team: "a", run: "1" } };
    const { authority, stub } = await serving({ body: allow }, {}, { subject });
    const own = { app: undefined, agent: "summarizer", dimensions: { run: "2" } };
    await authority.reserve({ ...request, subject: own }, call);
    expect(stub.received[0]?.json["subject"]).toEqual({
      tenant: "acme",
      app: "chat",
      agent: "summarizer",
      dimensions: { team: "a", run: "2" },
    });
  });

  it("needs a subject from somewhere", async () => {
    const { authority, stub } = await serving({ body: allow });
    await expect(authority.reserve({ ...request, subject: undefined }, call)).rejects.toThrow("names nobody");
    expect(stub.received).toEqual([]);
  });

  it.each([
    "BUDGET_EXCEEDED",
    "OVERDRAFT_LIMIT_EXCEEDED",
    "DEBT_OUTSTANDING",
    "BUDGET_FROZEN",
    "BUDGET_CLOSED",
    "TENANT_CLOSED",
    "ACTION_QUOTA_EXCEEDED",
    "ACTION_KIND_DENIED",
    "ACTION_KIND_NOT_ALLOWED",
  ])("a 409 %s is a DeniedError with its cause", async (code) => {
    const { authority } = await serving({ ...refusal(409, code), headers: { "retry-after": "3" } });
    const error = await failure(authority.reserve(request, call));
    if (!DeniedError.isInstance(error)) throw error;
    expect(error).toMatchObject({ decision: "DENY", reasonCode: code, retryAfterMs: 3_000, requestId: "req_1" });
    expect(CyclesError.isInstance(error.cause)).toBe(true);
  });

  it("a 200 that says DENY is a DeniedError with its reason", async () => {
    const { authority } = await serving({
      body: { decision: "DENY", reason_code: "BUDGET_EXCEEDED", retry_after_ms: 5, affected_scopes: [] },
    });
    const error = await failure(authority.reserve(request, call));
    expect(error).toMatchObject({
      name: "DeniedError",
      decision: "DENY",
      reasonCode: "BUDGET_EXCEEDED",
      retryAfterMs: 5,
    });
  });

  it.each(["DEFER", "allow", "", "ALLOWED_PARTLY"])(
    "the decision %j, which nobody knows, is no leave to spend",
    async (decision) => {
      const { authority } = await serving({ body: { ...allow, decision } });
      const error = await failure(authority.reserve(request, call));
      expect(error).toMatchObject({ name: "DeniedError", decision });
    },
  );

  it.each([
    [400, "INVALID_REQUEST"],
    [400, "UNIT_MISMATCH"],
    [401, "UNAUTHORIZED"],
    [403, "FORBIDDEN"],
    [404, "NOT_FOUND"],
    [409, "IDEMPOTENCY_MISMATCH"],
    [409, "NEW_CODE"],
    [429, "LIMIT_EXCEEDED"],
    [500, "INTERNAL_ERROR"],
    [503, "BUDGET_EXCEEDED"],
  ])("%i %s stays a ProtocolError: it is no denial", async (status, code) => {
    const { authority } = await serving(refusal(status, code));
    const error = await failure(authority.reserve(request, call));
    expect(DeniedError.isInstance(error)).toBe(false);
    expect(error).toBeInstanceOf(ProtocolError);
  });

  it("a 429 says when to come back", async () => {
    const { authority, stub } = await serving({
      ...refusal(429, "LIMIT_EXCEEDED"),
      headers: { "retry-after": "0" },
    });
    expect(await failure(authority.reserve(request, call))).toMatchObject({ retryable: true, retryAfterMs: 0 });
    expect(stub.received).toHaveLength(1);
  });

  it("every member of the wire's caps becomes a cap, unknown ones included", async () => {
    const caps = { max_tokens: 400, tool_denylist: ["web.search"], region: "eu" };
    const { authority } = await serving({ body: { ...allow, decision: "ALLOW_WITH_CAPS", caps } });
    const grant = await authority.reserve(request, call);
    expect(grant).toMatchObject({ decision: "ALLOW_WITH_CAPS" });
    expect(grant.caps).toEqual([
      { name: "max_tokens", value: 400 },
      { name: "tool_denylist", value: ["web.search"] },
      { name: "region", value: "eu" },
    ]);
  });

  it("caps that are announced but missing fail closed", async () => {
    const { authority } = await serving({ body: { ...allow, decision: "ALLOW_WITH_CAPS" } });
    expect(await failure(authority.reserve(request, call))).toBeInstanceOf(ResponseFormatError);
  });
});

it("extend asks under its own key and hands out the new lease", async () => {
  const { authority, stub } = await serving({ body: allow });
  const grant = await authority.reserve(request, call);
  const extending = await startStub(() => ({ body: { status: "ACTIVE", expires_at_ms: 9, remaining_ttl_ms: 8 } }));
  const other = new CyclesAuthority({ baseUrl: extending.url, apiKey: "test-key" });
  const lease = await other.extend(grant, { ms: 30_000, idempotencyKey: "key-2" });
  expect(lease).toEqual({ ttlMs: 60_000, remainingMs: 8, expiresAt: 9 });
  expect(extending.received[0]).toMatchObject({
    path: "/v1/reservations/rsv_1/extend",
    json: { extend_by_ms: 30_000, idempotency_key: "key-2" },
  });
  expect(stub.received).toHaveLength(1);
});

it("decide returns the decision and throws on none", async () => {
  const body = { decision: "DENY", reason_code: "BUDGET_NOT_FOUND", retry_after_ms: 5 };
  const { authority, stub } = await serving({ body });
  const decision = await authority.decide({ ...request, extensions: { cycles: { grace_period_ms: 1 } } });
  expect(decision).toMatchObject({ decision: "DENY", reasonCode: "BUDGET_NOT_FOUND", retryAfterMs: 5, caps: [] });
  expect(Object.keys(stub.received[0]?.json ?? {}).sort()).toEqual([
    "action",
    "estimate",
    "idempotency_key",
    "subject",
  ]);
});

it("the target names server and tenant, never the key", () => {
  const at = (subject?: { tenant: string }): string =>
    new CyclesAuthority({ baseUrl: "https://cycles.example/", apiKey: "cyc_SECRET", subject }).target;
  expect(at({ tenant: "acme" })).toBe("https://cycles.example#tenant=acme");
  expect(at()).toBe("https://cycles.example");
});

async function failure(calling: Promise<unknown>): Promise<unknown> {
  try {
    await calling;
  } catch (error) {
    return error;
  }
  throw new Error("it was answered");
}

describe("dedupeHorizonMs", () => {
  const client = { baseUrl: "https://cycles.example", apiKey: "test-key" };
  const dayMs = 86_400_000;

  it("is the reference server's where nothing else is said", () => {
    const reference = { commit: 30 * dayMs, release: 30 * dayMs, event: 7 * dayMs };
    expect(new CyclesAuthority(client).dedupeHorizonMs).toEqual(reference);
    const shorter = new CyclesAuthority(client, { dedupeHorizonMs: { event: 3_600_000, commit: undefined } });
    expect(shorter.dedupeHorizonMs).toEqual({ ...reference, event: 3_600_000 });
  });

  it("an event that is older than the authority remembers is not sent again", async () => {
    const clock = createManualClock();
    const records = memoryRecordStore();
    const paths: string[] = [];
    const transport: Transport = async ({ url }) => {
      paths.push(new URL(url).pathname);
      if (url.endsWith("/reservations")) return { status: 200, headers: {}, body: stringifyJson(allow) };
      if (url.endsWith("/commit")) return { status: 410, headers: {}, body: "" };
      throw new ConnectionError("reset after the authority has booked the event");
    };
    const options = { records, dedupeHorizonMs: { event: 3_600_000 } };
    const open = () => new CyclesAuthority({ ...client, transport, clock }, options);
    const { settlement } = await withReservation(open(), request, () => 1, { spend: () => usd("0.001") });
    expect(settlement.status).toBe("pending");
    expect(paths.at(-1)).toBe("/v1/events");

    const sent = paths.length;
    clock.jump(3_600_001);
    const successor = settlementQueue(open());
    await successor.recover();
    await vi.waitFor(async () => {
      const letters: DeadLetter[] = [];
      for await (const letter of successor.deadLetters.list()) letters.push(letter);
      expect(letters).toMatchObject([{ kind: "too-old", spent: usd("0.001") }]);
    });
    expect(paths).toHaveLength(sent);
  });

  it.each<object>([{ event: -1 }, { event: 0.5 }, { commit: Number.NaN }, { events: 1 }])("refuses %o", (horizon) => {
    const options = { dedupeHorizonMs: horizon };
    expect(() => new CyclesAuthority(client, options)).toThrow(ConfigurationError);
  });
});
