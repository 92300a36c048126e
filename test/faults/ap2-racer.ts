// Some of the workers that race for one mandate; the parent says "go" with a round's mandate.
import type { RecordStore } from "@imprest/core";
import { fileRecordStore, sqliteRecordStore } from "@imprest/core/node";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import { postgresRecordStore } from "@imprest/store-postgres";
import { redisRecordStore } from "@imprest/store-redis";
import { createClient } from "@redis/client";
import pg from "pg";
import { pay } from "./ap2-pay.ts";

const input = JSON.parse(process.argv[2] ?? "{}") as {
  readonly cyclesUrl: string;
  readonly pspUrl: string;
  readonly store: string;
  readonly place: string;
  readonly workers: number;
};

async function openStore({ store, place }: typeof input): Promise<RecordStore> {
  if (store === "sqlite") return sqliteRecordStore(place);
  if (store === "file") return fileRecordStore({ dir: place });
  if (store === "postgres")
    return postgresRecordStore(new pg.Pool({ host: place, user: "imprest", database: "postgres" }));
  const client = createClient({ socket: { path: place, tls: false } });
  await client.connect();
  return redisRecordStore({ sendCommand: (args) => client.sendCommand([...args]) });
}

const client = new CyclesClient({
  baseUrl: input.cyclesUrl,
  apiKey: "fault-test-key",
  subject: { tenant: "acme" },
  timeoutMs: 30_000,
});
const authority = new CyclesAuthority(client, { records: await openStore(input) });
process.on("message", (transactionId: string) => {
  const job = { pspUrl: input.pspUrl, transactionId, mode: "charged", tracksCharge: false };
  const paid = Promise.all(Array.from({ length: input.workers }, () => pay(authority, job)));
  void paid.then((outcomes) => process.send?.(outcomes));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
