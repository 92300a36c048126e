import { tokens } from "@imprest/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedAuthority, type GovernanceOptions, createEmbeddedAuthority } from "../src/index.ts";
import { adminKey } from "./governance/support.ts";
import { MapStore, WireCaller } from "./support.ts";

const action = { kind: "test", name: "n" };
const disk = new Map<string, string>();
let authority: EmbeddedAuthority<{ readonly governance: GovernanceOptions }>;
let keys = 0;

beforeEach(async () => {
  disk.clear();
  authority = createEmbeddedAuthority({ store: new MapStore(disk), governance: { adminKeys: [adminKey] } });
  await authority.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
  for (const agent of ["a", "b"]) {
    await authority.budgets.create({ scope: { tenant: "acme", agent }, allocated: tokens(100) });
  }
});
afterEach(() => authority.close());

async function holder(scopeFilter?: readonly string[], at = authority): Promise<WireCaller> {
  const { key } = await at.apiKeys.create({ tenant: "acme", scopeFilter });
  return new WireCaller(at, key);
}

/** The status of a reserve, a decide and an event of a subject. */
async function statuses(caller: WireCaller, subject: object): Promise<number[]> {
  const amount = { unit: "TOKENS", amount: 1 };
  const body = (): object => ({ idempotency_key: `k${(keys += 1)}`, subject, action });
  return Promise.all([
    caller.post("/v1/reservations", { ...body(), estimate: amount }).then(({ status }) => status),
    caller.post("/v1/decide", { ...body(), estimate: amount }).then(({ status }) => status),
    caller.post("/v1/events", { ...body(), actual: amount }).then(({ status }) => status),
  ]);
}

describe("a key with a scope filter", () => {
  it("acts in its scopes and beneath, and in nothing else, however the subject is spelt", async () => {
    const caller = await holder(["agent:a"]);
    expect(await statuses(caller, { tenant: "acme", agent: "a" })).toEqual([200, 200, 201]);
    expect(await statuses(caller, { tenant: "acme", agent: "A", toolset: "search" })).toEqual([200, 200, 201]);
    const others = [
      { tenant: "acme" },
      { tenant: "acme", agent: "b" },
      { tenant: "acme", agent: "ab" },
      // A workspace made up is another path, around the agent's budget.
      { tenant: "acme", workspace: "anything", agent: "a" },
      // Without its tenant, the subject draws on none of its budgets.
      { agent: "a" },
    ];
    for (const subject of others) expect(await statuses(caller, subject)).toEqual([403, 403, 403]);
    const { spent, reserved } = await authority.budgets.get({ scope: { tenant: "acme", agent: "b" }, unit: "TOKENS" });
    expect([spent, reserved]).toEqual([0n, 0n]);
  });

  it("may name any agent, or whole paths", async () => {
    const any = await holder(["agent:*"]);
    expect(await statuses(any, { tenant: "acme", agent: "b" })).toEqual([200, 200, 201]);
    expect(await statuses(any, { tenant: "acme" })).toEqual([403, 403, 403]);
    const whole = await holder(["tenant:acme/workspace:eng"]);
    expect(await statuses(whole, { tenant: "acme", workspace: "eng", agent: "x" })).toEqual([200, 200, 201]);
  });

  it("settles, extends and sees no reservation, balance or event of another scope", async () => {
    const all = await holder();
    const own = await holder(["agent:a"]);
    const ids: string[] = [];
    for (const agent of ["a", "b"]) {
      const request = { idempotency_key: agent, subject: { tenant: "acme", agent }, action };
      const { body } = await all.post("/v1/reservations", { ...request, estimate: { unit: "TOKENS", amount: 5 } });
      ids.push(String(body["reservation_id"]));
    }
    const [mine, others] = ids;
    const requests = {
      commit: { idempotency_key: "c", actual: { unit: "TOKENS", amount: 1 } },
      extend: { idempotency_key: "x", extend_by_ms: 1_000 },
      release: { idempotency_key: "r" },
    };
    for (const [operation, body] of Object.entries(requests)) {
      expect((await own.post(`/v1/reservations/${others}/${operation}`, body)).status).toBe(403);
    }
    expect((await own.get(`/v1/reservations/${others}`)).status).toBe(403);
    expect((await own.get(`/v1/reservations/${mine}`)).status).toBe(200);
    const scopesIn = async (path: string, member: string): Promise<unknown[]> =>
      ((await own.get(path)).body[member] as { scope_path?: string; scope?: string }[]).map(
        (row) => row.scope_path ?? row.scope,
      );
    const scope = "tenant:acme/agent:a";
    expect(await scopesIn("/v1/reservations", "reservations")).toEqual([scope]);
    expect(await scopesIn("/v1/balances?tenant=acme&include_children=true", "balances")).toEqual([scope]);
    expect(await scopesIn("/v1/balances", "balances")).toEqual([scope]);
    expect(new Set(await scopesIn("/v1/events", "events"))).toEqual(new Set([scope]));
    expect((await own.get("/v1/auth/introspect")).body).toMatchObject({ scope_filter: [scope] });
    expect((await own.post(`/v1/reservations/${mine}/release`, { idempotency_key: "r" })).status).toBe(200);
  });

  it("keeps its filter in the store", async () => {
    const { key } = await authority.apiKeys.create({ tenant: "acme", scopeFilter: ["agent:a"] });
    await authority.close();
    authority = createEmbeddedAuthority({ store: new MapStore(disk), governance: { adminKeys: [adminKey] } });
    expect(await statuses(new WireCaller(authority, key), { tenant: "acme", agent: "b" })).toEqual([403, 403, 403]);
    expect((await authority.apiKeys.list("acme")).map(({ scopeFilter }) => scopeFilter)).toEqual([
      ["tenant:acme/agent:a"],
    ]);
  });

  it.each([
    [[], "names no scope"],
    [["tenant:other/agent:a"], "not of the tenant"],
    [["agent"], "is no scope"],
    [["agent:a*"], "is no scope"],
    [["agent:a/workspace:b"], "is no scope"],
  ])("is refused where its filter is none (%j)", async (scopeFilter, said) => {
    await expect(authority.apiKeys.create({ tenant: "acme", scopeFilter })).rejects.toThrow(said);
  });
});

describe("an in-process authority", () => {
  it("of one agent spends no budget of another, unless it says how far it may go", async () => {
    const estimate = tokens(1);
    const own = authority.authority({ tenant: "acme", subject: { agent: "a" } });
    await own.reserve({ estimate, action }, { idempotencyKey: "1" });
    await own.reserve({ estimate, action, subject: { toolset: "search" } }, { idempotencyKey: "2" });
    for (const subject of [{ agent: "b" }, { workspace: "w" }]) {
      const asked = own.reserve({ estimate, action, subject }, { idempotencyKey: "3" });
      await expect(asked).rejects.toMatchObject({ errorCode: "FORBIDDEN" });
    }
    const wide = authority.authority({ tenant: "acme", subject: { agent: "a" }, within: ["tenant:acme"] });
    await wide.reserve({ estimate, action, subject: { agent: "b" } }, { idempotencyKey: "4" });
    expect(() => authority.authority({ tenant: "acme", within: ["tenant:other"] })).toThrow("not of the tenant");
  });
});

describe("a subject of the wire without a tenant", () => {
  it("draws on its tenant's budgets where the operator says so", async () => {
    const filling = createEmbeddedAuthority({ fillInTenant: true });
    await filling.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(5) });
    await filling.budgets.create({ tenant: "acme", scope: { agent: "pool" }, allocated: tokens(1_000) });
    const { key } = await filling.apiKeys.create({ tenant: "acme" });
    const caller = new WireCaller(filling, key);
    const request = { idempotency_key: "k", subject: { agent: "pool" }, action };
    const reserve = (amount: number, idempotency_key: string): Promise<{ status: number; body: object }> =>
      caller.post("/v1/reservations", { ...request, idempotency_key, estimate: { unit: "TOKENS", amount } });
    expect((await reserve(6, "k1")).status).toBe(409);
    expect((await reserve(5, "k2")).body).toMatchObject({ affected_scopes: ["tenant:acme", "tenant:acme/agent:pool"] });
    await filling.close();
  });
});
