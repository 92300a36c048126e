import { tokens } from "@imprest/core";
import {
  balanceResponse,
  commitResponse,
  decisionResponse,
  eventCreateResponse,
  releaseResponse,
  reservationCreateResponse,
  reservationDetail,
  reservationExtendResponse,
  reservationListResponse,
} from "@imprest/core/models/cycles";
import { beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedAuthority, createEmbeddedAuthority } from "../../src/index.ts";
import { type Answer, FakeClock, WireCaller } from "../support.ts";

const subject = { tenant: "acme", workspace: "prod", agent: "bot" };
const action = { kind: "llm.completion", name: "gpt-5", tags: ["t"] };
const estimate = { unit: "TOKENS", amount: 100 };
let clock: FakeClock;
let authority: EmbeddedAuthority;
let acme: WireCaller;
let keys = 0;

const fresh = (): string => `key-${(keys += 1)}`;
const create = (more: object = {}): Promise<Answer> =>
  acme.post("/v1/reservations", { idempotency_key: fresh(), subject, action, estimate, ...more });

/** Both budgets, as an answer states them. */
function balancesOf({ reserved = 0, spent = 0 }: { readonly reserved?: number; readonly spent?: number }): object[] {
  return [
    { path: "tenant:acme", allocated: 10_000 },
    { path: "tenant:acme/workspace:prod/agent:bot", allocated: 1_000, limit: 50 },
  ].map(({ path, allocated, limit }) => {
    const amount = (value: number): object => ({ unit: "TOKENS", amount: value });
    return {
      scope: path.split("/").at(-1),
      scope_path: path,
      remaining: amount(allocated - reserved - spent),
      reserved: amount(reserved),
      spent: amount(spent),
      allocated: amount(allocated),
      ...(limit !== undefined && { overdraft_limit: amount(limit) }),
    };
  });
}

beforeEach(async () => {
  clock = new FakeClock();
  authority = createEmbeddedAuthority({ clock });
  await authority.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(10_000) });
  await authority.budgets.create({ scope: subject, allocated: tokens(1_000), overdraftLimit: tokens(50) });
  acme = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);
});

describe("reserve, extend, commit, release", () => {
  it("reserves at every scope with a budget, and answers with all derived scopes in canonical order", async () => {
    const { status, body } = await create({ ttl_ms: 30_000 });
    expect(status).toBe(200);
    expect(reservationCreateResponse.safeParse(body).success).toBe(true);
    expect(body).toEqual({
      decision: "ALLOW",
      reservation_id: expect.stringMatching(/^rsv_/) as string,
      reserved: estimate,
      expires_at_ms: clock.now() + 30_000,
      remaining_ttl_ms: 30_000,
      scope_path: "tenant:acme/workspace:prod/agent:bot",
      affected_scopes: ["tenant:acme", "tenant:acme/workspace:prod", "tenant:acme/workspace:prod/agent:bot"],
      balances: balancesOf({ reserved: 100 }),
    });
    const { body: balances } = await acme.get("/v1/balances?tenant=acme&include_children=true");
    const amounts = (balances["balances"] as { reserved: { amount: number } }[]).map(({ reserved }) => reserved.amount);
    expect(amounts).toEqual([100, 100]);
  });

  it("replays a reserve verbatim but for the remaining ttl, which is made anew and 0 once it is over", async () => {
    const request = { idempotency_key: "k", ttl_ms: 30_000 };
    const first = await create(request);
    clock.advance(10_000);
    const again = await create({ ...request, subject: { agent: "bot", workspace: "prod", tenant: "acme" } });
    expect(again.body).toEqual({ ...first.body, remaining_ttl_ms: 20_000 });
    const path = `/v1/reservations/${String(first.body["reservation_id"])}`;
    await acme.post(`${path}/extend`, { idempotency_key: "e", extend_by_ms: 60_000 });
    expect((await create(request)).body).toEqual({ ...first.body, remaining_ttl_ms: 20_000 });
    await acme.post(`${path}/release`, { idempotency_key: "r" });
    expect((await create(request)).body).toEqual({ ...first.body, remaining_ttl_ms: 0 });
  });

  it("reads null in a request as an absent member: the same key without the nulls is a replay", async () => {
    const key = { idempotency_key: "nulls", subject: { tenant: "acme" } };
    const nulls = { subject: { tenant: "acme", workspace: null, agent: null, dimensions: null }, ttl_ms: null };
    const first = await create({ ...key, ...nulls, action: { ...action, policy_keys: null }, metadata: null });
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({ scope_path: "tenant:acme", remaining_ttl_ms: 60_000 });
    expect((await create(key)).body).toEqual(first.body);
    const path = `/v1/reservations/${String(first.body["reservation_id"])}`;
    expect((await acme.get(path)).body["subject"]).toEqual({ tenant: "acme" });
    const commit = { idempotency_key: "c", actual: estimate, metrics: { tokens_input: null }, metadata: null };
    expect((await acme.post(`${path}/commit`, commit)).body["status"]).toBe("COMMITTED");
    const spend = { idempotency_key: "e", subject, action, actual: estimate, overage_policy: null, metrics: null };
    expect((await acme.post("/v1/events", spend)).status).toBe(201);
    const required = { idempotency_key: "r", subject, action, estimate: null };
    expect((await acme.post("/v1/reservations", required)).status).toBe(400);
  });

  it("settles: the rest comes back, and replays repeat the answer", async () => {
    const first = (await create()).body["reservation_id"];
    const extended = await acme.post(`/v1/reservations/${String(first)}/extend`, {
      idempotency_key: "e",
      extend_by_ms: 5_000,
    });
    expect(reservationExtendResponse.safeParse(extended.body).success).toBe(true);
    const commit = {
      idempotency_key: "c",
      actual: { unit: "TOKENS", amount: 60 },
      metrics: { tokens_input: 3, custom: { a: 1 } },
      metadata: { note: "late" },
    };
    const committed = await acme.post(`/v1/reservations/${String(first)}/commit`, commit);
    expect(committed.body).toEqual({
      status: "COMMITTED",
      charged: { unit: "TOKENS", amount: 60 },
      released: { unit: "TOKENS", amount: 40 },
      balances: balancesOf({ spent: 60 }),
    });
    expect(extended.body).toMatchObject({ balances: balancesOf({ reserved: 100 }) });
    expect(commitResponse.safeParse(committed.body).success).toBe(true);
    expect((await acme.post(`/v1/reservations/${String(first)}/commit`, commit)).body).toEqual(committed.body);

    const second = (await create()).body["reservation_id"];
    const released = await acme.post(`/v1/reservations/${String(second)}/release`, { idempotency_key: "r" });
    expect(released.body).toEqual({ status: "RELEASED", released: estimate, balances: balancesOf({ spent: 60 }) });
    expect(releaseResponse.safeParse(released.body).success).toBe(true);

    const detail = await acme.get(`/v1/reservations/${String(first)}`);
    expect(reservationDetail.safeParse(detail.body).success).toBe(true);
    expect(detail.body).toMatchObject({
      status: "COMMITTED",
      committed: { amount: 60 },
      committed_metadata: { note: "late" },
      finalized_at_ms: clock.now(),
      subject,
      action,
    });
  });

  it("caps a charge under ALLOW_IF_AVAILABLE, flags the scope, and funding clears the flag", async () => {
    const id = (await create({ estimate: { unit: "TOKENS", amount: 900 } })).body["reservation_id"];
    const actual = { unit: "TOKENS", amount: 1_500 };
    const committed = await acme.post(`/v1/reservations/${String(id)}/commit`, { idempotency_key: "c", actual });
    expect(committed.body).toMatchObject({
      charged: { amount: 1_000 },
      balances: [{ scope: "tenant:acme" }, { scope: "agent:bot", remaining: { amount: 0 }, is_over_limit: true }],
    });
    expect(committed.body).not.toHaveProperty("released");
    const [tenant, agent] = await authority.budgets.list({ scope: { tenant: "acme" } });
    expect([tenant?.isOverLimit, agent?.isOverLimit]).toEqual([false, true]);
    expect([tenant?.spent, agent?.spent]).toEqual([1_000n, 1_000n]);
    const funded = await authority.budgets.fund({ scope: subject, amount: tokens(500) });
    expect(funded).toMatchObject({ isOverLimit: false, remaining: 500n });
  });

  it("runs into debt under ALLOW_WITH_OVERDRAFT only where it lacks, and funding repays first", async () => {
    const request = { estimate: { unit: "TOKENS", amount: 980 }, overage_policy: "ALLOW_WITH_OVERDRAFT" };
    const id = (await create(request)).body["reservation_id"];
    const actual = { unit: "TOKENS", amount: 1_010 };
    const committed = await acme.post(`/v1/reservations/${String(id)}/commit`, { idempotency_key: "c", actual });
    expect(committed.body).toMatchObject({
      charged: { amount: 1_010 },
      balances: [{ scope: "tenant:acme" }, { debt: { unit: "TOKENS", amount: 30 }, remaining: { amount: -10 } }],
    });
    const agent = await authority.budgets.get({ scope: subject, unit: "TOKENS" });
    expect(agent).toMatchObject({ spent: 980n, debt: 30n, remaining: -10n, isOverLimit: false });
    const tenant = await authority.budgets.get({ scope: { tenant: "acme" }, unit: "TOKENS" });
    expect(tenant).toMatchObject({ spent: 1_010n, debt: 0n });
    const funded = await authority.budgets.fund({ scope: subject, amount: tokens(100) });
    expect(funded).toMatchObject({ allocated: 1_100n, spent: 1_010n, debt: 0n, remaining: 90n });
  });
});

describe("decide and dry run", () => {
  it("evaluate without touching a balance; a dry run has no id and no expiry", async () => {
    const before = await authority.budgets.list({ scope: { tenant: "acme" } });
    const decided = await acme.post("/v1/decide", { idempotency_key: "d", subject, action, estimate });
    expect(decisionResponse.safeParse(decided.body).success).toBe(true);
    expect(decided.body).toMatchObject({ decision: "ALLOW" });
    const dry = await create({ dry_run: true });
    expect(dry.body).toMatchObject({ decision: "ALLOW", affected_scopes: { length: 3 }, balances: { length: 2 } });
    expect(Object.keys(dry.body)).not.toEqual(expect.arrayContaining(["reservation_id"]));
    expect(dry.body).not.toHaveProperty("expires_at_ms");
    expect(dry.body).not.toHaveProperty("remaining_ttl_ms");
    expect(await authority.budgets.list({ scope: { tenant: "acme" } })).toEqual(before);
  });

  it.each([
    ["BUDGET_EXCEEDED", { estimate: { unit: "TOKENS", amount: 1_001 } }],
    ["BUDGET_NOT_FOUND", { subject: { tenant: "acme2" } }],
  ])("say DENY with %s and 200", async (reason, more) => {
    const other = createEmbeddedAuthority({ clock });
    await other.budgets.create({ scope: subject, allocated: tokens(1_000) });
    const named = "subject" in more ? { subject: { agent: "nobody" } } : more;
    const caller = new WireCaller(other, (await other.apiKeys.create({ tenant: "acme" })).key);
    const request = { idempotency_key: "d", subject, action, estimate, ...named };
    const decided = await caller.post("/v1/decide", request);
    expect({ status: decided.status, ...decided.body }).toMatchObject({
      status: 200,
      decision: "DENY",
      reason_code: reason,
    });
    const dry = await caller.post("/v1/reservations", { ...request, dry_run: true });
    expect({ status: dry.status, ...dry.body }).toMatchObject({ status: 200, decision: "DENY", reason_code: reason });
    expect(dry.body["affected_scopes"]).not.toHaveLength(0);
  });

  it("repeat a decision under its key, whatever has happened since", async () => {
    const request = { idempotency_key: "d", subject, action, estimate };
    const first = await acme.post("/v1/decide", request);
    await authority.budgets.close({ scope: subject, unit: "TOKENS" });
    expect((await acme.post("/v1/decide", request)).body).toEqual(first.body);
    const later = await acme.post("/v1/decide", { ...request, idempotency_key: "d2" });
    expect(later.body).toMatchObject({ decision: "DENY", reason_code: "BUDGET_CLOSED" });
  });
});

describe("events", () => {
  it("answers 201, and returns the charge only where it was capped", async () => {
    const event = { idempotency_key: "e", subject, action, actual: estimate, client_time_ms: 1 };
    const booked = await acme.post("/v1/events", event);
    expect(booked.status).toBe(201);
    expect(booked.body).toEqual({
      status: "APPLIED",
      event_id: expect.stringMatching(/^evt_/) as string,
      balances: balancesOf({ spent: 100 }),
    });
    expect((await acme.post("/v1/events", event)).body).toEqual(booked.body);
    const large = { ...event, idempotency_key: "e2", actual: { unit: "TOKENS", amount: 5_000 } };
    const capped = await acme.post("/v1/events", large);
    expect(capped.body["charged"]).toEqual({ unit: "TOKENS", amount: 900 });
    expect(eventCreateResponse.safeParse(capped.body).success).toBe(true);
  });
});

describe("int64", () => {
  it("is exact both ways beyond 2^53", async () => {
    const scope = { tenant: "acme", app: "big" };
    await authority.budgets.create({ scope, allocated: tokens(9_223_372_036_854_775_807n) });
    const exact = 9_007_199_254_740_993n;
    const reserved = await create({ subject: scope, estimate: { unit: "TOKENS", amount: exact } });
    // The tenant's own budget is far smaller, so it denies; the bigger scope alone answers exactly.
    expect(reserved.status).toBe(409);
    const rival = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "big" })).key);
    await authority.budgets.create({ scope: { tenant: "big" }, allocated: tokens(9_223_372_036_854_775_807n) });
    const request = { idempotency_key: "k", subject: { tenant: "big" }, action };
    const answer = await rival.post("/v1/reservations", { ...request, estimate: { unit: "TOKENS", amount: exact } });
    expect(answer.body["reserved"]).toEqual({ unit: "TOKENS", amount: exact });
    const balances = await rival.get("/v1/balances?tenant=big");
    expect(balanceResponse.safeParse(balances.body).success).toBe(true);
    expect(balances.body["balances"]).toMatchObject([{ remaining: { amount: 9_223_372_036_854_775_807n - exact } }]);
    const beyond = { ...request, idempotency_key: "k2", estimate: { unit: "TOKENS", amount: 2n ** 63n } };
    expect((await rival.post("/v1/reservations", beyond)).status).toBe(400);
  });
});

describe("lists", () => {
  const ids = (answer: Answer): string[] =>
    (answer.body["reservations"] as { reservation_id: string }[]).map((row) => row.reservation_id);

  it("finds a lost reservation by its idempotency key, and stuck ones by status", async () => {
    const created = (await create({ idempotency_key: "lost", metadata: { private: true } })).body["reservation_id"];
    await create();
    const found = await acme.get("/v1/reservations?idempotency_key=lost");
    expect(reservationListResponse.safeParse(found.body).success).toBe(true);
    expect(ids(found)).toEqual([created]);
    expect(found.body["reservations"]).toMatchObject([{ idempotency_key: "lost", status: "ACTIVE" }]);
    expect(JSON.stringify(found.body)).not.toContain("private");
    const withMetadata = await acme.get("/v1/reservations?idempotency_key=lost&include=metadata,%20,nonsense");
    expect(withMetadata.body["reservations"]).toMatchObject([{ metadata: { private: true } }]);
    clock.advance(65_001);
    expect(ids(await acme.get("/v1/reservations?status=ACTIVE"))).toEqual([]);
    expect(ids(await acme.get("/v1/reservations?status=EXPIRED&agent=bot"))).toHaveLength(2);
    expect(ids(await acme.get("/v1/reservations?agent=other"))).toEqual([]);
  });

  it("hands out every row once, in order, page by page, under any sort", async () => {
    const created: string[] = [];
    for (let at = 0; at < 25; at += 1) {
      const { body } = await create({ estimate: { unit: "TOKENS", amount: at % 7 } });
      created.push(String(body["reservation_id"]));
      clock.advance(at % 3);
    }
    for (const sort of [
      "",
      "&sort_by=reserved&sort_dir=asc",
      "&sort_by=reservation_id",
      "&sort_by=status&sort_dir=asc",
    ]) {
      const seen: string[] = [];
      let cursor = "";
      do {
        const page = await acme.get(`/v1/reservations?limit=7${sort}${cursor && `&cursor=${cursor}`}`);
        seen.push(...ids(page));
        cursor = page.body["has_more"] === true ? String(page.body["next_cursor"]) : "";
        // Rows that come between two pages shift nothing.
        if (sort === "" && seen.length === 7) await create();
      } while (cursor !== "");
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining(created));
    }
    const newest = (await acme.get("/v1/reservations?limit=200")).body["reservations"] as { created_at_ms: number }[];
    const times = newest.map((row) => row.created_at_ms);
    expect(times).toEqual([...times].sort((one, other) => other - one));
  });

  it("binds a cursor to its filter, but not to include; blank windows are unset", async () => {
    for (let at = 0; at < 3; at += 1) await create();
    const first = await acme.get("/v1/reservations?limit=1&from=&expires_to=&status=ACTIVE");
    const cursor = String(first.body["next_cursor"]);
    const query = `/v1/reservations?limit=1&status=ACTIVE&cursor=${cursor}`;
    expect((await acme.get(`${query}&include=metadata`)).status).toBe(200);
    expect((await acme.get(`${query}&agent=bot`)).status).toBe(400);
    expect((await acme.get(`${query}&sort_dir=asc`)).status).toBe(400);
    expect((await acme.get(`${query}&from=2023-01-01T00:00:00Z`)).status).toBe(400);
    expect((await acme.get("/v1/reservations?cursor=bm9uc2Vuc2U")).status).toBe(400);
    expect((await acme.get("/v1/reservations?cursor=***")).status).toBe(400);
  });

  it("filters by inclusive windows; finalized ones leave out what is not finalized", async () => {
    const iso = (at: number): string => encodeURIComponent(new Date(at).toISOString());
    const at = clock.now();
    const id = (await create({ ttl_ms: 1_000 })).body["reservation_id"];
    expect(ids(await acme.get(`/v1/reservations?from=${iso(at)}&to=${iso(at)}`))).toEqual([id]);
    expect(ids(await acme.get(`/v1/reservations?from=${iso(at + 1)}`))).toEqual([]);
    expect(ids(await acme.get(`/v1/reservations?expires_from=${iso(at + 1_000)}`))).toEqual([id]);
    expect(ids(await acme.get(`/v1/reservations?finalized_from=${iso(0)}`))).toEqual([]);
    await acme.post(`/v1/reservations/${String(id)}/release`, { idempotency_key: "r" });
    expect(ids(await acme.get(`/v1/reservations?finalized_from=${iso(at)}`))).toEqual([id]);
    expect((await acme.get(`/v1/reservations?from=${iso(at + 1)}&to=${iso(at)}`)).status).toBe(400);
    expect((await acme.get("/v1/reservations?from=yesterday")).status).toBe(400);
  });

  it("shows balances of the named level, with the scopes beneath on request, and wants a level", async () => {
    const scopes = async (query: string): Promise<string[]> =>
      ((await acme.get(`/v1/balances?${query}`)).body["balances"] as { scope_path: string }[]).map(
        ({ scope_path: path }) => path,
      );
    expect(await scopes("tenant=acme")).toEqual(["tenant:acme"]);
    expect(await scopes("agent=bot")).toEqual(["tenant:acme/workspace:prod/agent:bot"]);
    expect(await scopes("tenant=acme&include_children=true")).toHaveLength(2);
    const page = await acme.get("/v1/balances?tenant=acme&include_children=true&limit=1");
    expect(await scopes(`tenant=acme&include_children=true&cursor=${String(page.body["next_cursor"])}`)).toEqual([
      "tenant:acme/workspace:prod/agent:bot",
    ]);
    for (const query of ["", "?tenant=", "?limit=5", "?tenant=acme&limit=0", "?tenant=acme&limit=201"]) {
      expect((await acme.get(`/v1/balances${query}`)).status).toBe(400);
    }
  });
});
