import { DatabaseSync } from "node:sqlite";
import { ConfigurationError, tokens } from "@imprest/core";
import { describe, expect, it } from "vitest";
import { LedgerRefusal, LedgerUnavailableError, createLedgerAuthority } from "../../src/ledger.ts";
import { type DurableObjectStorage, durableObjectStore } from "../../src/workers/durable-object-store.ts";

// What workerd's own storage does is in test/runtimes/durable-objects.test.ts; here SQLite stands for it, and can fail.

const scope = { tenant: "acme" };
const address = { scope, unit: "TOKENS" };
const request = (amount: number) => ({ estimate: tokens(amount), action: { kind: "k" } });

function createStorage(database = new DatabaseSync(":memory:")) {
  let syncs = 0;
  const failing = { next: false };
  const storage: DurableObjectStorage = {
    sql: {
      exec(query, ...bindings) {
        if (failing.next && query.startsWith("INSERT")) throw new Error("SQLITE_FULL");
        return database.prepare(query).all(...bindings);
      },
    },
    transactionSync(closure) {
      database.exec("BEGIN");
      try {
        const result = closure();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
    sync: async () => void (syncs += 1),
  };
  return { storage, database, failing, syncs: () => syncs };
}

describe("durableObjectStore", () => {
  it("keeps a ledger beyond its object, and acknowledges what the storage has made durable", async () => {
    const { storage, database, syncs } = createStorage();
    const first = createLedgerAuthority({ store: durableObjectStore(storage) });
    await first.budgets.create({ scope, allocated: tokens(100) });
    const before = syncs();
    const grant = await first.authority({ tenant: "acme" }).reserve(request(30), { idempotencyKey: "a \u0000 \ud800" });
    expect(syncs()).toBeGreaterThan(before);
    await first.close();

    const next = createLedgerAuthority({ store: durableObjectStore(createStorage(database).storage) });
    expect(await next.budgets.get(address)).toMatchObject({ reserved: 30n, remaining: 70n });
    const again = await next.authority({ tenant: "acme" }).reserve(request(30), { idempotencyKey: "a \u0000 \ud800" });
    expect(again.id).toBe(grant.id);
    await next.close();
  });

  it("has one ledger at a time in one storage", async () => {
    const { storage } = createStorage();
    const first = createLedgerAuthority({ store: durableObjectStore(storage) });
    expect(() => durableObjectStore(storage)).toThrow(ConfigurationError);
    await first.close();
    await createLedgerAuthority({ store: durableObjectStore(storage) }).close();
  });

  it("says what to do where the class of the object keeps its storage without SQLite", () => {
    const storage = {
      ...createStorage().storage,
      get sql(): never {
        throw new Error("SQL is not enabled for this Durable Object class.");
      },
    };
    expect(() => durableObjectStore(storage)).toThrow("new_sqlite_classes");
  });

  it("stops the ledger when a write fails, and leaves nothing of it", async () => {
    const { storage, database, failing } = createStorage();
    const ledger = createLedgerAuthority({ store: durableObjectStore(storage) });
    await ledger.budgets.create({ scope, allocated: tokens(100) });
    failing.next = true;
    await expect(ledger.authority({ tenant: "acme" }).reserve(request(30), { idempotencyKey: "r" })).rejects.toThrow();
    failing.next = false;
    await expect(ledger.budgets.get(address)).rejects.toThrow(LedgerUnavailableError);
    const next = createLedgerAuthority({ store: durableObjectStore(createStorage(database).storage) });
    expect(await next.budgets.get(address)).toMatchObject({ reserved: 0n });
    await next.close();
  });

  it("bounds what an object's memory holds, unless the options of the ledger say otherwise", async () => {
    const reserved = async (options: { readonly maxActiveReservations?: number }): Promise<number> => {
      const ledger = createLedgerAuthority({ store: durableObjectStore(createStorage().storage), ...options });
      await ledger.budgets.create({ scope, allocated: tokens(1_000_000) });
      const authority = ledger.authority({ tenant: "acme" });
      for (let made = 0; ; made += 1) {
        try {
          await authority.reserve(request(1), { idempotencyKey: `k${made}` });
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect((error as Error).cause ?? error).toBeInstanceOf(LedgerRefusal);
          await ledger.close();
          return made;
        }
      }
    };
    expect(await reserved({ maxActiveReservations: 3 })).toBe(3);
    expect(await reserved({})).toBe(5_000);
  });
});
