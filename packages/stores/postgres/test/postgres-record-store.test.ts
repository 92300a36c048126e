import { ConfigurationError } from "@imprest/core";
import { postgresRecordStore, preparePostgres } from "@imprest/store-postgres";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordStoreContract } from "../../../core/test/records/record-store-contract.ts";
import { hasPostgres, startPostgres } from "./postgres-server.ts";

it("a table name that would need quoting is refused", () => {
  expect(() => postgresRecordStore({ query: () => expect.fail("asked") }, { table: "x; DROP TABLE y" })).toThrow(
    ConfigurationError,
  );
});

describe.skipIf(!hasPostgres)("on a real PostgreSQL (skipped where none is installed)", () => {
  let server: Awaited<ReturnType<typeof startPostgres>>;
  const pools: Pool[] = [];
  let opened = 0;

  function connect(): Pool {
    const pool = new Pool({ host: server.host, user: server.user, database: "postgres", max: 4 });
    pools.push(pool);
    return pool;
  }

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await server.stop();
  });

  recordStoreContract("postgresRecordStore", async () => {
    const table = `records_${(opened += 1)}`;
    const open = async () => {
      const pool = connect();
      await preparePostgres(pool, { table });
      return postgresRecordStore(pool, { table });
    };
    return { store: await open(), reopen: open };
  });

  it("any number of processes may make the table at once", async () => {
    const pools = Array.from({ length: 8 }, connect);
    await Promise.all(pools.map((pool) => preparePostgres(pool, { table: "made_at_once" })));
  });

  it("of many connections one creates, and one replaces", async () => {
    const stores = Array.from({ length: 8 }, connect).map((pool) => postgresRecordStore(pool, { table: "races" }));
    await preparePostgres(connect(), { table: "races" });
    for (let round = 0; round < 20; round += 1) {
      const made = (await Promise.all(stores.map((store, at) => store.create(`r${round}`, at)))).filter(
        (version) => version !== undefined,
      );
      expect(made).toHaveLength(1);
      const changed = await Promise.all(stores.map((store, at) => store.replace(`r${round}`, at, made[0] ?? "")));
      expect(changed.filter((version) => version !== undefined)).toHaveLength(1);
    }
  });
});
