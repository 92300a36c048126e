import { createClient } from "@redis/client";
import { redisRecordStore } from "@imprest/store-redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordStoreContract } from "../../../core/test/records/record-store-contract.ts";
import { hasRedis, startRedis } from "./redis-server.ts";

describe.skipIf(!hasRedis)("on a real redis-server (skipped where none is installed)", () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  const clients: { destroy(): void }[] = [];
  let opened = 0;

  async function connect() {
    const client = createClient({ socket: { path: server.socket, tls: false } });
    await client.connect();
    clients.push(client);
    return client;
  }

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await server.stop();
  });

  recordStoreContract("redisRecordStore", async () => {
    const prefix = `test${(opened += 1)}:`;
    const open = async () => {
      const client = await connect();
      return redisRecordStore({ sendCommand: (args) => client.sendCommand([...args]) }, { prefix });
    };
    return { store: await open(), reopen: open };
  });

  it("a prefix is not a pattern, in Redis or out of it", async () => {
    const client = await connect();
    const store = redisRecordStore({ sendCommand: (args) => client.sendCommand([...args]) }, { prefix: "p[*]?:" });
    for (const key of ["a*b", "axb", "a*"]) await store.create(key, 1);
    const keys: string[] = [];
    for await (const { key } of store.scan("a*")) keys.push(key);
    expect(keys.toSorted()).toEqual(["a*", "a*b"]);
  });

  it("of many connections one creates", async () => {
    const stores = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = await connect();
        return redisRecordStore({ sendCommand: (args) => client.sendCommand([...args]) }, { prefix: "race:" });
      }),
    );
    for (let round = 0; round < 20; round += 1) {
      const won = await Promise.all(stores.map((store, at) => store.create(`r${round}`, at)));
      expect(won.filter((version) => version !== undefined)).toHaveLength(1);
    }
  });

  it("a connection that breaks is an error, not a guess", async () => {
    const client = await connect();
    const store = redisRecordStore({ sendCommand: (args) => client.sendCommand([...args]) });
    client.destroy();
    await expect(store.create("k", 1)).rejects.toThrow();
  });
});
