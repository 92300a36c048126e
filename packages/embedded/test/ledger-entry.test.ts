import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { DeniedError, tokens, withReservation } from "@imprest/core";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { type Fact, LedgerRefusal, createLedgerAuthority } from "../src/ledger.ts";
import { FakeClock, MapStore } from "./support.ts";

const scope = { tenant: "acme" };
const address = { scope, unit: "TOKENS" };
const action = { kind: "llm.completion" };

describe("the entry of the ledger alone", () => {
  it("brings no wire, no governance, no evidence and no zod, and stays under 33 kB gzipped with what it needs of core", async () => {
    const result = await build({
      stdin: {
        contents: 'export * from "@imprest/embedded/ledger";',
        resolveDir: fileURLToPath(new URL("..", import.meta.url)),
      },
      bundle: true,
      minify: true,
      format: "esm",
      platform: "neutral",
      target: "es2023",
      conditions: ["@imprest/source", "browser"],
      write: false,
      metafile: true,
    });
    const modules = Object.keys(result.metafile.inputs);
    expect(modules.some((path) => path.endsWith("src/ledger/ledger.ts"))).toBe(true);
    const others =
      /(^|\/)src\/(access|asp|cycles|evidence|governance)\/|(asp|cycles)\/src\/|node_modules\/(\.pnpm\/)?zod/;
    expect(modules.filter((path) => others.test(path))).toEqual([]);
    const size = gzipSync(result.outputFiles[0]?.contents ?? "", { level: 9 }).length;
    console.log("gzipped bytes of the ledger's entry with what it needs of core:", size);
    expect(size).toBeLessThanOrEqual(33_000);
  });

  it("sets budget aside, commits what was spent, and denies what the budget does not cover", async () => {
    const ledger = createLedgerAuthority({ clock: new FakeClock() });
    await ledger.budgets.create({ scope, allocated: tokens(100) });
    const authority = ledger.authority(scope);
    await withReservation(authority, { estimate: tokens(80), action }, (reservation) => reservation.spend(tokens(60)));
    expect(await ledger.budgets.get(address)).toMatchObject({ spent: 60n, reserved: 0n, remaining: 40n });
    const denied = withReservation(authority, { estimate: tokens(50), action }, () => 1);
    await expect(denied).rejects.toBeInstanceOf(DeniedError);
    await ledger.close();
  });

  it("releases a tenant's reservations and closes its budgets with it", async () => {
    const ledger = createLedgerAuthority({ clock: new FakeClock() });
    await ledger.tenants.create("acme");
    await ledger.budgets.create({ scope, allocated: tokens(100) });
    const request = { estimate: tokens(80), action };
    await ledger.authority(scope).reserve(request, { idempotencyKey: "one" });
    await ledger.tenants.close("acme");
    expect(await ledger.budgets.list({ scope })).toMatchObject([{ reserved: 0n, status: "CLOSED" }]);
    await expect(ledger.tenants.create("acme")).rejects.toBeInstanceOf(LedgerRefusal);
    await ledger.close();
  });

  it("emits a fact of every movement of money, with who moved it and when", async () => {
    const clock = new FakeClock();
    const facts: [Fact, number][] = [];
    const ledger = createLedgerAuthority({ clock, onFact: (fact, { atMs }) => facts.push([fact, atMs]) });
    await ledger.budgets.create({ scope, allocated: tokens(100) });
    const authority = ledger.authority({ tenant: "acme", subject: { agent: "writer" } });
    const work = { estimate: tokens(30), action, ttlMs: 10_000 };
    await withReservation(authority, work, (reservation) => reservation.spend(tokens(20)));
    await authority.reserve(work, { idempotencyKey: "left" });
    clock.advance(60_000);
    await ledger.close();
    const who = { tenant: "acme", scope: "tenant:acme/agent:writer", unit: "TOKENS", action, reserved: 30n };
    const ids = facts.flatMap(([fact]) => ("reservationId" in fact ? [fact.reservationId] : []));
    expect(facts.map(([fact]) => fact)).toMatchObject([
      { kind: "tenantCreated" },
      { kind: "budgetChanged" },
      { ...who, kind: "reserved", subject: { agent: "writer" }, reservationId: ids[0] },
      { ...who, kind: "committed", charged: 20n, released: 10n, reservationId: ids[0] },
      { ...who, kind: "reserved", reservationId: ids[2] },
      { ...who, kind: "expired", reservationId: ids[2] },
    ]);
    expect(facts.at(-1)?.[1]).toBe((facts[0]?.[1] ?? 0) + 15_001);
    expect(new Set(ids).size).toBe(2);
  });

  it("emits facts once they are durable, in the ledger's own words", async () => {
    const store = new MapStore();
    const facts: Fact[] = [];
    const onFact = (fact: Fact): void => {
      expect(store.disk.has("budget/acme/tenant:acme/TOKENS")).toBe(true);
      facts.push(fact);
    };
    const ledger = createLedgerAuthority({ clock: new FakeClock(), store, onFact });
    await ledger.budgets.create({ scope, allocated: tokens(100) });
    await ledger.budgets.freeze(address);
    await ledger.close();
    const changed = { kind: "budgetChanged", tenant: "acme", scope: "tenant:acme", unit: "TOKENS" };
    expect(facts).toMatchObject([
      { kind: "tenantCreated", tenant: "acme" },
      { ...changed, change: "created", after: { remaining: 100n, status: "ACTIVE" } },
      { ...changed, change: "frozen", before: { status: "ACTIVE" }, after: { status: "FROZEN" } },
    ]);
  });

  it("refuses options that cannot be meant", () => {
    expect(() => createLedgerAuthority({ maxExtensions: 0.5 })).toThrow("maxExtensions");
  });
});
