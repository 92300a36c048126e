import type { RecordStore } from "@imprest/core";
import { fileRecordStore, logRecordStore, sqliteRecordStore } from "@imprest/core/node";
import { fleetJournal } from "@imprest/cycles/node";
import { postgresRecordStore, preparePostgres } from "@imprest/store-postgres";
import { redisRecordStore } from "@imprest/store-redis";
import { createClient } from "@redis/client";
import { Pool } from "pg";
import { hasPostgres, startPostgres } from "../../packages/stores/postgres/test/postgres-server.ts";
import { hasRedis, startRedis } from "../../packages/stores/redis/test/redis-server.ts";
import { guardedPair, rawPair } from "./guarded-pairs.ts";
import { type Effort, type Group, compare, timed } from "./measure.ts";
import { startStub } from "./peer.ts";
import { scratchFolder } from "./scratch-folder.ts";

const inFlight = 64;

/**
 * Guarded pairs with each durable store: every settlement is on a disk before it is sent. Files lie in the working
 * directory; the databases are started here, each durable to every write and reached through a socket file. One that is not
 * installed has no row, and the run says so.
 */
export async function* durablePairs(effort: Effort): AsyncGenerator<Group> {
  await using ends = new AsyncDisposableStack();
  const { url } = ends.use(await startStub()).told;
  const folder = ends.use(await scratchFolder());
  const stores: Readonly<Record<string, RecordStore>> = {
    "fleet journal": fleetJournal({ dir: folder.pathOf("fleet"), baseUrl: url, subject: { tenant: "acme" } }),
    log: logRecordStore({ dir: folder.pathOf("log") }),
    "one file a record": fileRecordStore({ dir: folder.pathOf("file") }),
    SQLite: sqliteRecordStore(folder.pathOf("records.sqlite")),
    ...(isInstalled("Redis", hasRedis) && { Redis: await redisStore(ends) }),
    ...(isInstalled("PostgreSQL", hasPostgres) && { PostgreSQL: await postgresStore(ends) }),
  };
  ends.defer(async () => {
    for (const store of Object.values(stores)) await store.close?.();
  });
  const count = effort.count(3_000);
  const guarded = Object.entries(stores).map(([name, records]) => {
    return [name, timed(guardedPair(url, records), { count, inFlight })] as const;
  });
  yield await compare(
    { title: `durable pairs, ${inFlight} in flight`, unit: "pairs/s", rounds: effort.rounds(5) },
    { "raw undici": timed(rawPair(url), { count, inFlight }), ...Object.fromEntries(guarded) },
  );
}

/** Without the server there is no row of it; that is said where the table is read. */
function isInstalled(server: string, isHere: boolean): boolean {
  if (!isHere) console.error(`${server} is not installed, so it has no row; tools/install-servers.sh brings it.`);
  return isHere;
}

async function redisStore(ends: AsyncDisposableStack): Promise<RecordStore> {
  const redis = await startRedis();
  ends.defer(() => redis.stop());
  const client = createClient({ socket: { path: redis.socket, tls: false } });
  await client.connect();
  ends.defer(() => client.close());
  return redisRecordStore({ sendCommand: (args) => client.sendCommand([...args]) });
}

async function postgresStore(ends: AsyncDisposableStack): Promise<RecordStore> {
  const postgres = await startPostgres();
  ends.defer(() => postgres.stop());
  const pool = new Pool({ host: postgres.host, user: postgres.user, database: "postgres", max: 16 });
  ends.defer(() => pool.end());
  await preparePostgres(pool);
  return postgresRecordStore(pool);
}
