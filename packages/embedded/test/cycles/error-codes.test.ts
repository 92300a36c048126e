import { tokens, usd } from "@imprest/core";
import { errorCodes, errorResponse } from "@imprest/core/models/cycles";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedAuthority, createEmbeddedAuthority } from "../../src/index.ts";
import { type Answer, FakeClock, MapStore, WireCaller } from "../support.ts";

// Issue 2 §4: every error code of the specification over HTTP, with its exact status (Cycles §ERROR SEMANTICS).

const reached = new Set<string>();
const subject = { tenant: "acme", agent: "bot" };
const action = { kind: "llm.completion", name: "gpt-5" };
let clock: FakeClock;
let store: MapStore;
let authority: EmbeddedAuthority;
let acme: WireCaller;
let keys = 0;

const estimate = (amount: number, unit = "TOKENS"): object => ({ unit, amount });
const fresh = (): string => `key-${(keys += 1)}`;
const create = (more: object = {}): Promise<Answer> =>
  acme.post("/v1/reservations", { idempotency_key: fresh(), subject, action, estimate: estimate(10), ...more });
const event = (more: object = {}): Promise<Answer> =>
  acme.post("/v1/events", { idempotency_key: fresh(), subject, action, actual: estimate(10), ...more });
const commit = (id: unknown, actual: object = estimate(10), more: object = {}): Promise<Answer> =>
  acme.post(`/v1/reservations/${String(id)}/commit`, { idempotency_key: fresh(), actual, ...more });
const release = (id: unknown): Promise<Answer> =>
  acme.post(`/v1/reservations/${String(id)}/release`, { idempotency_key: fresh() });
const extend = (id: unknown, more: object = {}): Promise<Answer> =>
  acme.post(`/v1/reservations/${String(id)}/extend`, { idempotency_key: fresh(), extend_by_ms: 1_000, ...more });
const decide = (more: object = {}): Promise<Answer> =>
  acme.post("/v1/decide", { idempotency_key: fresh(), subject, action, estimate: estimate(10), ...more });

function expectError(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, error: answer.body["error"] }).toEqual({ status, error: code });
  expect(errorResponse.safeParse(answer.body).success).toBe(true);
  expect(answer.body["request_id"]).toBe(answer.headers.get("x-request-id"));
  expect(answer.body["trace_id"]).toBe(answer.headers.get("x-cycles-trace-id"));
  expect(answer.body["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
  expect(JSON.stringify(answer.body)).not.toMatch(/\bat .*\.ts|node_modules/);
  reached.add(code);
}

beforeEach(async () => {
  clock = new FakeClock();
  store = new MapStore();
  authority = createEmbeddedAuthority({ clock, store, maxExtensions: 2, rateLimit: { perSecond: 1, burst: 40 } });
  await authority.budgets.create({ scope: subject, allocated: tokens(1_000), overdraftLimit: tokens(100) });
  acme = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);
});

afterEach(() => authority.close().catch(() => {}));

describe("every error code over HTTP", () => {
  it("400 INVALID_REQUEST: a schema violation, with the pointer of what is wrong", async () => {
    const answer = await create({ estimate: { unit: "TOKENS", amount: -1 } });
    expectError(answer, 400, "INVALID_REQUEST");
    expect(answer.body["details"]).toMatchObject({ issues: [{ pointer: "/estimate/amount" }] });
  });

  it("400 UNIT_MISMATCH: reserve, decide, event and commit, with what the scope expects", async () => {
    const details = { scope: "tenant:acme/agent:bot", requested_unit: "CREDITS", expected_units: ["TOKENS"] };
    for (const answer of [
      await create({ estimate: estimate(1, "CREDITS") }),
      await decide({ estimate: estimate(1, "CREDITS") }),
      await event({ actual: estimate(1, "CREDITS") }),
      await commit((await create()).body["reservation_id"], estimate(1, "CREDITS")),
    ]) {
      expectError(answer, 400, "UNIT_MISMATCH");
      expect(answer.body["details"]).toEqual(details);
    }
  });

  it("401 UNAUTHORIZED: no key, an unknown key, a revoked key", async () => {
    expectError(await new WireCaller(authority, "").get("/v1/balances?agent=bot"), 401, "UNAUTHORIZED");
    expectError(await new WireCaller(authority, "imp_unknown").get("/v1/balances?agent=bot"), 401, "UNAUTHORIZED");
    const { id, key } = await authority.apiKeys.create({ tenant: "acme" });
    await authority.apiKeys.revoke(id);
    expectError(await new WireCaller(authority, key).get("/v1/balances?agent=bot"), 401, "UNAUTHORIZED");
  });

  it("403 FORBIDDEN: another tenant's subject, reservation, list and balances", async () => {
    const rival = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "rival" })).key);
    const { body } = await create();
    const path = `/v1/reservations/${String(body["reservation_id"])}`;
    const request = { idempotency_key: fresh(), subject, action, estimate: estimate(1) };
    for (const answer of [
      await rival.post("/v1/reservations", request),
      await rival.post("/v1/decide", request),
      await rival.post("/v1/events", { idempotency_key: fresh(), subject, action, actual: estimate(1) }),
      await rival.get(path),
      await rival.post(`${path}/commit`, { idempotency_key: fresh(), actual: estimate(1) }),
      await rival.post(`${path}/release`, { idempotency_key: fresh() }),
      await rival.post(`${path}/extend`, { idempotency_key: fresh(), extend_by_ms: 1 }),
      await rival.get("/v1/reservations?tenant=acme"),
      await rival.get("/v1/balances?tenant=acme"),
    ]) {
      expectError(answer, 403, "FORBIDDEN");
    }
  });

  it("404 NOT_FOUND: a scope without any budget, an unknown reservation, an unknown path", async () => {
    expectError(await create({ subject: { tenant: "acme", agent: "other" } }), 404, "NOT_FOUND");
    expectError(await event({ subject: { tenant: "acme", agent: "other" } }), 404, "NOT_FOUND");
    expectError(await acme.get("/v1/reservations/rsv_nobody"), 404, "NOT_FOUND");
    expectError(await commit("rsv_nobody"), 404, "NOT_FOUND");
    expectError(await release("rsv_nobody"), 404, "NOT_FOUND");
    expectError(await extend("rsv_nobody"), 404, "NOT_FOUND");
    expectError(await acme.get("/v1/nothing"), 404, "NOT_FOUND");
  });

  it("409 BUDGET_EXCEEDED: reserve, commit and event under REJECT; the reservation stands", async () => {
    expectError(await create({ estimate: estimate(1_001) }), 409, "BUDGET_EXCEEDED");
    const { body } = await create({ overage_policy: "REJECT" });
    expectError(await commit(body["reservation_id"], estimate(1_001)), 409, "BUDGET_EXCEEDED");
    expectError(await event({ actual: estimate(991), overage_policy: "REJECT" }), 409, "BUDGET_EXCEEDED");
    expect((await acme.get(`/v1/reservations/${String(body["reservation_id"])}`)).body["status"]).toBe("ACTIVE");
  });

  it("409 BUDGET_EXCEEDED: a commit beyond its reserve under REJECT, though the budget would cover it", async () => {
    const { body } = await create({ overage_policy: "REJECT", estimate: estimate(100) });
    const id = body["reservation_id"];
    expectError(await commit(id, estimate(101)), 409, "BUDGET_EXCEEDED");
    const { reserved, spent } = await authority.budgets.get({ scope: subject, unit: "TOKENS" });
    expect([reserved, spent]).toEqual([100n, 0n]);
    expect((await commit(id, estimate(100))).body["charged"]).toEqual(estimate(100));
    const empty = await create({ overage_policy: "REJECT", estimate: estimate(0) });
    expectError(await commit(empty.body["reservation_id"], estimate(1)), 409, "BUDGET_EXCEEDED");
    // An event has no reserve: what the budget covers is booked (Cycles §EventCreateRequest).
    expect((await event({ actual: estimate(900), overage_policy: "REJECT" })).status).toBe(201);
  });

  it("409 BUDGET_FROZEN and BUDGET_CLOSED: reserve and event; what is active can be settled", async () => {
    const first = (await create()).body["reservation_id"];
    const second = (await create()).body["reservation_id"];
    await authority.budgets.freeze({ scope: subject, unit: "TOKENS" });
    expectError(await create(), 409, "BUDGET_FROZEN");
    expectError(await event(), 409, "BUDGET_FROZEN");
    expect((await commit(first)).status).toBe(200);
    await authority.budgets.close({ scope: subject, unit: "TOKENS" });
    expectError(await create(), 409, "BUDGET_CLOSED");
    expectError(await event(), 409, "BUDGET_CLOSED");
    expect((await release(second)).status).toBe(200);
  });

  it("410 RESERVATION_EXPIRED: commit and release after the grace, extend after the expiry, get when expired", async () => {
    const id = (await create({ ttl_ms: 1_000, grace_period_ms: 500 })).body["reservation_id"];
    clock.advance(1_001);
    expectError(await extend(id), 410, "RESERVATION_EXPIRED");
    clock.advance(500);
    expectError(await commit(id), 410, "RESERVATION_EXPIRED");
    expectError(await release(id), 410, "RESERVATION_EXPIRED");
    expectError(await acme.get(`/v1/reservations/${String(id)}`), 410, "RESERVATION_EXPIRED");
  });

  it("409 RESERVATION_FINALIZED: settled under another key, or otherwise", async () => {
    const id = (await create()).body["reservation_id"];
    await commit(id);
    expectError(await commit(id), 409, "RESERVATION_FINALIZED");
    expectError(await release(id), 409, "RESERVATION_FINALIZED");
    expectError(await extend(id), 409, "RESERVATION_FINALIZED");
  });

  it("409 IDEMPOTENCY_MISMATCH: a key reused with another payload, at every writing operation", async () => {
    const key = { idempotency_key: "once" };
    const id = (await create(key)).body["reservation_id"];
    expectError(await create({ ...key, estimate: estimate(11) }), 409, "IDEMPOTENCY_MISMATCH");
    expectError(await create({ ...key, dry_run: true }), 409, "IDEMPOTENCY_MISMATCH");
    await extend(id, key);
    expectError(await extend(id, { ...key, extend_by_ms: 2 }), 409, "IDEMPOTENCY_MISMATCH");
    await commit(id, estimate(5), key);
    expectError(await commit(id, estimate(6), key), 409, "IDEMPOTENCY_MISMATCH");
    const other = (await create()).body["reservation_id"];
    await acme.post(`/v1/reservations/${String(other)}/release`, { ...key, reason: "a" });
    const again = await acme.post(`/v1/reservations/${String(other)}/release`, { ...key, reason: "b" });
    expectError(again, 409, "IDEMPOTENCY_MISMATCH");
    await event(key);
    expectError(await event({ ...key, actual: estimate(1) }), 409, "IDEMPOTENCY_MISMATCH");
    await decide(key);
    expectError(await decide({ ...key, estimate: estimate(1) }), 409, "IDEMPOTENCY_MISMATCH");
  });

  it("409 OVERDRAFT_LIMIT_EXCEEDED: a commit and an event beyond the limit, a reserve in an over-limit scope", async () => {
    const id = (await create({ overage_policy: "ALLOW_WITH_OVERDRAFT" })).body["reservation_id"];
    expectError(await commit(id, estimate(1_111)), 409, "OVERDRAFT_LIMIT_EXCEEDED");
    const beyond = { actual: estimate(1_101), overage_policy: "ALLOW_WITH_OVERDRAFT" };
    expectError(await event(beyond), 409, "OVERDRAFT_LIMIT_EXCEEDED");
    await event({ actual: estimate(5_000) });
    expectError(await create({ estimate: estimate(0) }), 409, "OVERDRAFT_LIMIT_EXCEEDED");
  });

  it("409 DEBT_OUTSTANDING: a reserve while there is debt; over-limit takes precedence over it", async () => {
    await event({ actual: estimate(990) });
    await event({ actual: estimate(50), overage_policy: "ALLOW_WITH_OVERDRAFT" });
    expectError(await create({ estimate: estimate(0) }), 409, "DEBT_OUTSTANDING");
    await event({ actual: estimate(5_000) });
    expectError(await create({ estimate: estimate(0) }), 409, "OVERDRAFT_LIMIT_EXCEEDED");
    await authority.budgets.repayDebt({ scope: subject, amount: tokens(50) });
    expectError(await create({ estimate: estimate(11) }), 409, "BUDGET_EXCEEDED");
  });

  it("409 MAX_EXTENSIONS_EXCEEDED: one extension more than allowed; replays do not count", async () => {
    const id = (await create()).body["reservation_id"];
    expect((await extend(id, { idempotency_key: "e1" })).status).toBe(200);
    expect((await extend(id, { idempotency_key: "e1" })).status).toBe(200);
    expect((await extend(id)).status).toBe(200);
    expectError(await extend(id), 409, "MAX_EXTENSIONS_EXCEEDED");
  });

  it("429 LIMIT_EXCEEDED: with Retry-After in whole seconds, and allowed again after it", async () => {
    let last = await create({ estimate: estimate(0) });
    while (last.status === 200) last = await create({ estimate: estimate(0) });
    expectError(last, 429, "LIMIT_EXCEEDED");
    expect(last.headers.get("retry-after")).toBe("1");
    expect(last.headers.get("x-ratelimit-remaining")).toBe("0");
    clock.advance(1_000);
    expect((await create({ estimate: estimate(0) })).status).toBe(200);
  });

  it("409 TENANT_CLOSED: before the state errors; replays and reads still answer; decide and dry run say DENY", async () => {
    const before = { idempotency_key: "before" };
    const first = await create(before);
    const id = first.body["reservation_id"];
    const settled = (await create()).body["reservation_id"];
    const committed = await commit(settled, estimate(4), before);
    const booked = await event(before);
    await authority.tenants.close("acme", { keepApiKeys: true });
    expectError(await create(), 409, "TENANT_CLOSED");
    expectError(await event(), 409, "TENANT_CLOSED");
    for (const reservation of [id, settled]) {
      expectError(await commit(reservation), 409, "TENANT_CLOSED");
      expectError(await release(reservation), 409, "TENANT_CLOSED");
      expectError(await extend(reservation), 409, "TENANT_CLOSED");
    }
    expect((await create(before)).body).toEqual({ ...first.body, remaining_ttl_ms: 0 });
    expect((await commit(settled, estimate(4), before)).body).toEqual(committed.body);
    expect((await event(before)).body).toEqual(booked.body);
    expect((await decide()).body).toMatchObject({ decision: "DENY", reason_code: "TENANT_CLOSED" });
    expect((await create({ dry_run: true })).body).toMatchObject({ decision: "DENY", reason_code: "TENANT_CLOSED" });
    expect((await acme.get(`/v1/reservations/${String(id)}`)).body["status"]).toBe("RELEASED");
    expect((await acme.get("/v1/reservations")).status).toBe(200);
    await authority.budgets.create({ scope: { tenant: "open" }, allocated: usd(1) });
  });

  it("500 INTERNAL_ERROR: when the store fails, nothing is acknowledged and the reason is not disclosed", async () => {
    store.failing = true;
    const answer = await create();
    expectError(answer, 500, "INTERNAL_ERROR");
    expect(JSON.stringify(answer.body)).not.toContain("disk");
    expectError(await acme.get("/v1/balances?tenant=acme"), 500, "INTERNAL_ERROR");
  });

  it("covers the whole enumeration of the base protocol", () => {
    const extension = new Set(["ACTION_QUOTA_EXCEEDED", "ACTION_KIND_DENIED", "ACTION_KIND_NOT_ALLOWED"]);
    expect([...reached].sort()).toEqual(errorCodes.filter((code) => !extension.has(code)).sort());
  });
});
