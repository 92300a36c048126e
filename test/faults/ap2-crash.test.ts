import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import { sqliteRecordStore } from "@imprest/core/node";
import { type ChargeLookup, type ChargeQuery, paymentAuthority, recover } from "@imprest/ap2";
import type { RecordStore } from "@imprest/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pay } from "./ap2-pay.ts";
import { FakeCycles, serveCycles } from "../../packages/ap2/test/support/fake-cycles.ts";

// SIGKILL before and after each phase transition × {PSP charged, declined, unknown} × restart: at most one charge, the ledger
// equals the PSP, and no budget is stranded after its TTL. IMPREST_AP2_CRASH_RUNS=1000 for the long run.

const randomRuns = Number(process.env["IMPREST_AP2_CRASH_RUNS"] ?? 20);
const lanes = 4;
const microcents = 100_000_000;

const steps = ["claim", "reserve", "charging", "psp", "charged", "commit", "settled", "release", "released"];
const points = steps.flatMap((step) => [`${step}:before`, `${step}:after`]);
const modes = ["charged", "declined", "unknown"];

interface Run {
  readonly id: string;
  readonly mode: string;
  readonly killAt: string;
  /** Kills from outside after so many milliseconds, wherever the worker is then. */
  readonly killAfterMs?: number;
  readonly tracksCharge: boolean;
}

let directory: string;
let psp: ChildProcess;
let pspUrl: string;
let cyclesUrl: string;
let closeCycles: () => void;
const cycles = new FakeCycles();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "imprest-ap2-"));
  const served = await serveCycles(cycles);
  cyclesUrl = served.url;
  closeCycles = () => served.close();
  psp = start("ap2-psp.ts", []);
  const [port] = (await once(psp, "message")) as [number];
  pspUrl = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  psp.kill();
  closeCycles();
  await rm(directory, { recursive: true, force: true });
});

function start(program: string, args: readonly string[]): ChildProcess {
  const execArgv = ["--conditions=@imprest/source", "--disable-warning=ExperimentalWarning"];
  return fork(fileURLToPath(new URL(program, import.meta.url)), args, {
    execArgv,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

async function crash({ id, mode, killAt, killAfterMs, tracksCharge }: Run): Promise<void> {
  const input = {
    cyclesUrl,
    pspUrl,
    file: join(directory, `${id}.sqlite`),
    transactionId: id,
    mode,
    killAt,
    tracksCharge,
  };
  const worker = start("ap2-worker.ts", [JSON.stringify(input)]);
  worker.on("message", () => {
    if (killAfterMs !== undefined) setTimeout(() => worker.kill("SIGKILL"), killAfterMs);
  });
  await once(worker, "exit");
}

interface Known {
  readonly charges: readonly { readonly reference: string; readonly amount: string }[];
  readonly declined: boolean;
}

async function knownTo(transactionId: string): Promise<Known> {
  return (await (await fetch(`${pspUrl}/charges?transaction=${transactionId}`)).json()) as Known;
}

async function lookupCharge({ transactionId }: ChargeQuery): Promise<ChargeLookup> {
  const { charges, declined } = await knownTo(transactionId);
  const [charge] = charges;
  if (charge) return { status: "charged", reference: charge.reference, amount: BigInt(charge.amount) };
  return { status: declined ? "declined" : "none" };
}

function open(id: string): { readonly authority: CyclesAuthority; readonly records: RecordStore } {
  const client = new CyclesClient({ baseUrl: cyclesUrl, apiKey: "fault-test-key", subject: { tenant: "acme" } });
  const records = sqliteRecordStore(join(directory, `${id}.sqlite`));
  return { authority: new CyclesAuthority(client, { records }), records };
}

/** What a restart does: recovers until nothing is open. */
async function restart(authority: CyclesAuthority): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const { unresolved, malformed } = await recover(authority, {
      lookupCharge,
      abandonedAfterMs: 0,
      absentAfterMs: 50,
    });
    expect(malformed).toEqual([]);
    if (unresolved === 0) break;
    await pause(30);
  }
  const again = await recover(authority, { lookupCharge, abandonedAfterMs: 0 });
  expect(again).toMatchObject({ settled: 0, released: 0, unresolved: 0 });
}

/** What the authority has booked for one transaction. */
function bookedFor(id: string): number {
  const committed = [...cycles.reservations.values()].filter(({ subject }) => transactionOf(subject) === id);
  const events = cycles.requests("event").filter(({ body }) => transactionOf(body["subject"]) === id);
  const keys = new Set(events.map(({ body }) => body["idempotency_key"]));
  return committed.reduce((sum, reservation) => sum + (reservation.committed ?? 0), 0) + keys.size * microcents;
}

function transactionOf(subject: unknown): string | undefined {
  return (subject as { readonly dimensions?: Record<string, string> }).dimensions?.["ap2_transaction_id"];
}

async function check(run: Run): Promise<void> {
  await crash(run);
  await pause(60);
  const { authority, records } = open(run.id);
  await restart(authority);
  const first = await knownTo(run.id);
  expect(first.charges.length, "charges after the crash").toBeLessThanOrEqual(1);
  expect(bookedFor(run.id), "ledger after recovery").toBe(first.charges.length * microcents);
  // The same job again: it pays if, and only if, nothing was paid before.
  const job = { pspUrl, transactionId: run.id, mode: "charged", tracksCharge: run.tracksCharge };
  const outcome = await pay(authority, job);
  await paymentAuthority(authority).idle();
  expect(outcome).toBe(first.charges.length === 1 ? "AP2AlreadyConsumed" : "committed");
  expect((await knownTo(run.id)).charges.length, "charges after the retry").toBe(1);
  expect(bookedFor(run.id), "ledger after the retry").toBe(microcents);
  await records.close?.();
}

async function checkAll(runs: readonly Run[]): Promise<void> {
  const failures: string[] = [];
  const waiting = [...runs];
  const lane = async (): Promise<void> => {
    for (let run = waiting.pop(); run !== undefined; run = waiting.pop()) {
      try {
        await check(run);
      } catch (error) {
        failures.push(`${JSON.stringify(run)}: ${error instanceof Error ? error.message : "failed"}`);
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  expect(failures).toEqual([]);
  // The leases of the dead run out: nothing stays set aside.
  cycles.skewMs += 120_000;
  expect(cycles.reserved).toBe(0);
}

it("the matrix: every point × every PSP outcome", async () => {
  const runs = points.flatMap((killAt) =>
    modes.map((mode): Run => ({
      id: `m-${killAt.replace(":", "-")}-${mode}`,
      mode,
      killAt,
      tracksCharge: !killAt.startsWith("claim"),
    })),
  );
  await checkAll(runs);
}, 600_000);

it(`${randomRuns} randomised runs`, async () => {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(Math.random() * items.length)] as Item;
  const runs = Array.from({ length: randomRuns }, (_, at): Run => {
    const byClock = Math.random() < 0.5;
    return {
      id: `r-${at}`,
      mode: pick(modes),
      killAt: byClock ? "never" : pick(points),
      ...(byClock && { killAfterMs: Math.floor(Math.random() * 60) }),
      tracksCharge: Math.random() < 0.5,
    };
  });
  await checkAll(runs);
}, 1_800_000);
