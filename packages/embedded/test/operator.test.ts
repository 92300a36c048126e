import { tokens, usd } from "@imprest/core";
import { beforeEach, describe, expect, it } from "vitest";
import { ConfigurationError } from "@imprest/core";
import { type EmbeddedAuthority, type EmbeddedAuthorityOptions, createEmbeddedAuthority } from "../src/index.ts";
import { FakeClock, WireCaller } from "./support.ts";

const scope = { tenant: "acme" };
const address = { scope, unit: "TOKENS" };
let authority: EmbeddedAuthority;

beforeEach(async () => {
  authority = createEmbeddedAuthority({ clock: new FakeClock() });
  await authority.budgets.create({ scope, allocated: tokens(100) });
});

const refusal = (reason: string): unknown => expect.objectContaining({ code: "ERR_LEDGER_REFUSAL", reason }) as unknown;

describe("the operator's methods", () => {
  it("a budget with a member that there is none of is refused by its name", async () => {
    const embedded = createEmbeddedAuthority();
    const misspelt = { scope: { tenant: "acme" }, allocated: usd("1.00"), periodStart: "2026-11-01T00:00:00Z" };
    await expect(embedded.budgets.create(misspelt)).rejects.toThrow(/There is no option periodStart/);
    expect(await embedded.budgets.list({ scope: { tenant: "acme" } })).toEqual([]);
  });

  it("keep one budget a scope and unit, and several units a scope", async () => {
    await expect(authority.budgets.create({ scope, allocated: tokens(1) })).rejects.toEqual(
      refusal("DUPLICATE_RESOURCE"),
    );
    await authority.budgets.create({ scope, allocated: usd("0.05") });
    expect(await authority.budgets.list({ scope })).toHaveLength(2);
    await expect(authority.budgets.get({ scope, unit: "CREDITS" })).rejects.toEqual(refusal("UNIT_MISMATCH"));
    await expect(authority.budgets.get({ scope: { tenant: "x" }, unit: "TOKENS" })).rejects.toEqual(
      refusal("NOT_FOUND"),
    );
  });

  it("refuse amounts and scopes that are none", async () => {
    const create = (more: object): Promise<unknown> =>
      authority.budgets.create({ scope: { tenant: "other" }, allocated: tokens(1), ...more });
    for (const wrong of [
      { allocated: tokens(-1) },
      { allocated: tokens(2n ** 63n) },
      { overdraftLimit: usd(1) },
      { scope: { tenant: "a:b" } },
      { scope: { app: "no-owner" } },
      { scope: { tenant: "acme" }, tenant: "other" },
    ]) {
      await expect(create(wrong)).rejects.toEqual(refusal("INVALID_REQUEST"));
    }
  });

  it("let a scope without the tenant level belong to a tenant, seen by no other", async () => {
    for (const tenant of ["acme", "rival"])
      await authority.budgets.create({ scope: { app: "x" }, tenant, allocated: tokens(5) });
    for (const tenant of ["acme", "rival"]) {
      const caller = new WireCaller(authority, (await authority.apiKeys.create({ tenant })).key);
      const request = { idempotency_key: "k", subject: { app: "x" }, action: { kind: "k", name: "n" } };
      const event = await caller.post("/v1/events", { ...request, actual: { unit: "TOKENS", amount: 5 } });
      expect(event.status).toBe(201);
    }
  });

  it("fund once under a key, and never beyond int64", async () => {
    const funding = { scope, amount: tokens(10), idempotencyKey: "f" };
    const first = await authority.budgets.fund(funding);
    expect(await authority.budgets.fund(funding)).toEqual(first);
    expect((await authority.budgets.get(address)).allocated).toBe(110n);
    await expect(authority.budgets.fund({ ...funding, amount: tokens(11) })).rejects.toEqual(
      refusal("IDEMPOTENCY_MISMATCH"),
    );
    const most = authority.budgets.fund({ scope, amount: tokens(2n ** 63n - 1n) });
    await expect(most).rejects.toEqual(refusal("INVALID_REQUEST"));
    await expect(authority.budgets.repayDebt({ scope, amount: tokens(1) })).rejects.toEqual(refusal("INVALID_REQUEST"));
  });

  it("freeze, unfreeze and close a budget; closing is for good", async () => {
    expect((await authority.budgets.freeze(address)).status).toBe("FROZEN");
    await expect(authority.budgets.freeze(address)).rejects.toEqual(refusal("BUDGET_FROZEN"));
    await expect(authority.budgets.fund({ scope, amount: tokens(1) })).rejects.toEqual(refusal("BUDGET_FROZEN"));
    expect((await authority.budgets.unfreeze(address)).status).toBe("ACTIVE");
    await expect(authority.budgets.unfreeze(address)).rejects.toEqual(refusal("INVALID_REQUEST"));
    expect((await authority.budgets.close(address)).status).toBe("CLOSED");
    for (const change of [authority.budgets.freeze(address), authority.budgets.unfreeze(address)]) {
      await expect(change).rejects.toEqual(refusal("BUDGET_CLOSED"));
    }
  });

  it("close a tenant with all it owns, once and for good", async () => {
    const { key } = await authority.apiKeys.create({ tenant: "acme" });
    const spend = authority.authority({ tenant: "acme" });
    await spend.reserve({ estimate: tokens(40), action: { kind: "k" } }, { idempotencyKey: "k" });
    await authority.tenants.close("acme");
    await authority.tenants.close("acme");
    expect(await authority.budgets.get(address)).toMatchObject({ status: "CLOSED", reserved: 0n, remaining: 100n });
    expect((await new WireCaller(authority, key).get("/v1/balances?tenant=acme")).status).toBe(401);
    expect(await authority.apiKeys.list("acme")).toMatchObject([{ status: "REVOKED" }]);
    for (const change of [
      authority.tenants.create("acme"),
      authority.budgets.create({ scope, allocated: usd(1) }),
      authority.apiKeys.create({ tenant: "acme" }),
    ]) {
      await expect(change).rejects.toEqual(refusal("TENANT_CLOSED"));
    }
    await expect(authority.tenants.close("nobody")).rejects.toEqual(refusal("NOT_FOUND"));
  });

  it("take an operator's own key, but no weak, no second one", async () => {
    const key = "an-operators-own-key";
    await authority.apiKeys.create({ tenant: "acme", key });
    expect((await new WireCaller(authority, key).get("/v1/balances?tenant=acme")).status).toBe(200);
    await expect(authority.apiKeys.create({ tenant: "x", key })).rejects.toEqual(refusal("DUPLICATE_RESOURCE"));
    await expect(authority.apiKeys.create({ tenant: "x", key: "short" })).rejects.toEqual(refusal("INVALID_REQUEST"));
    await expect(authority.apiKeys.revoke("key_nobody")).rejects.toEqual(refusal("NOT_FOUND"));
  });

  it("refuse options that cannot be meant", () => {
    const wrong: EmbeddedAuthorityOptions[] = [
      { maxBodyBytes: -1 },
      { maxExtensions: 0.5 },
      { rateLimit: { perSecond: 0, burst: 1 } },
    ];
    for (const options of wrong) {
      expect(() => createEmbeddedAuthority(options)).toThrow(ConfigurationError);
    }
  });
});
