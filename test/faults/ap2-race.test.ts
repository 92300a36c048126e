import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { preparePostgres } from "@imprest/store-postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { FakeCycles, serveCycles } from "../../packages/ap2/test/support/fake-cycles.ts";
import { hasPostgres, startPostgres } from "../../packages/stores/postgres/test/postgres-server.ts";
import { hasRedis, startRedis } from "../../packages/stores/redis/test/redis-server.ts";

// Issue 7, done when: 50 workers in 4 processes, same mandate, same payload, each shared store: exactly one PSP request,
// 49 typed refusals. IMPREST_AP2_RACE_ROUNDS=200 for the long run.

const rounds = Number(process.env["IMPREST_AP2_RACE_ROUNDS"] ?? 10);
const workersByProcess = [13, 13, 12, 12];

let directory: string;
let psp: ChildProcess;
let pspUrl: string;
const cycles = new FakeCycles();
let served: Awaited<ReturnType<typeof serveCycles>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "imprest-ap2-race-"));
  served = await serveCycles(cycles);
  psp = start("ap2-psp.ts", {});
  const [port] = (await once(psp, "message")) as [number];
  pspUrl = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  psp.kill();
  served.close();
  await rm(directory, { recursive: true, force: true });
});

function start(program: string, input: object): ChildProcess {
  const execArgv = ["--conditions=@imprest/source", "--disable-warning=ExperimentalWarning"];
  const path = fileURLToPath(new URL(program, import.meta.url));
  return fork(path, [JSON.stringify(input)], { execArgv, stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Where each store stands, started for its race and stopped after it. */
const places: Readonly<Record<string, () => Promise<string>>> = {
  sqlite: async () => join(directory, "records.sqlite"),
  async file() {
    const folder = join(directory, "records");
    await mkdir(folder);
    return folder;
  },
  async redis() {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    return server.socket;
  },
  async postgres() {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    const pool = new pg.Pool({ host: server.host, user: server.user, database: "postgres" });
    await preparePostgres(pool);
    await pool.end();
    return server.host;
  },
};

const isThere: Readonly<Record<string, boolean>> = { redis: hasRedis, postgres: hasPostgres };

describe.each(Object.keys(places))("on %s", (store) => {
  it.skipIf(isThere[store] === false)(
    `of fifty workers in four processes one pays, ${rounds} rounds (skipped where the server is not installed)`,
    async () => {
      const place = (await places[store]?.()) ?? "";
      const racers = workersByProcess.map((workers) =>
        start("ap2-racer.ts", { cyclesUrl: served.url, pspUrl, store, place, workers }),
      );
      onTestFinished(async () => {
        const gone = racers.map((racer) => once(racer, "exit"));
        for (const racer of racers) racer.kill("SIGKILL");
        await Promise.all(gone);
      });
      await Promise.all(racers.map((racer) => once(racer, "message")));
      for (let round = 0; round < rounds; round += 1) {
        const transactionId = `${store}-${round}`;
        const answers = racers.map((racer) => once(racer, "message") as Promise<[string[]]>);
        for (const racer of racers) racer.send(transactionId);
        const outcomes = (await Promise.all(answers)).flatMap(([found]) => found).toSorted();
        expect(outcomes).toEqual([...Array<string>(49).fill("AP2AlreadyConsumed"), "committed"]);
        const { charges } = (await (await fetch(`${pspUrl}/charges?transaction=${transactionId}`)).json()) as {
          readonly charges: unknown[];
        };
        expect(charges).toHaveLength(1);
      }
    },
    1_800_000,
  );
});
