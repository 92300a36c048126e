import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ChargeLookup, type ChargeQuery, type PaymentRecovery, paymentAuthority, recover } from "@imprest/ap2";
import type { RecordStore, StoredRecord } from "@imprest/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Worker, createWorker, lookupCharge, purchase } from "../../examples/ap2/purchase.ts";
import { type Fault, StripeServer } from "../../examples/ap2/stripe-server.ts";
import { FakeCycles, serveCycles } from "../../packages/ap2/test/support/fake-cycles.ts";

// One purchase with the shipped Stripe example and the real `stripe` package, under workers that are killed, or frozen until
// their lease has run out, on clocks a day off, over records that are damaged, with a look-up that lies. Charges are at most one,
// the books equal them, and what is not settled is listed. It plays for five minutes; IMPREST_AP2_CHAOS_RUNS=1000 plays as many.

const runs = Number(process.env["IMPREST_AP2_CHAOS_RUNS"] ?? 0);
const playForMs = runs === 0 ? 300_000 : Infinity;
const seed = Number(process.env["IMPREST_AP2_CHAOS_SEED"] ?? Date.now() % 1_000_000);
const lanes = 3;
const dayMs = 86_400_000;

const broken: Readonly<Record<string, Fault>> = {
  "lose-answer": "lose-answer",
  "lose-request": "lose-request",
  "done-500": { status: 500, error: { type: "api_error" }, done: true },
  "done-429": { status: 429, error: { type: "rate_limit_error" }, done: true },
  "401": { status: 401, error: { type: "invalid_request_error" } },
};

/** Answers that are none, before the true one. */
const lies: Readonly<Record<string, () => unknown>> = {
  fraction: () => ({ status: "charged", amount: 99.5 }),
  text: () => ({ status: "charged", amount: "100.00" }),
  negative: () => ({ status: "charged", amount: -1n }),
  nothing: () => undefined,
  throws: () => Promise.reject(new Error("down")),
  silent: () => new Promise(() => {}),
};

const run = fc.record({
  workers: fc.array(
    fc.record({
      job: fc.constantFrom("buy" as const, "buy" as const, "recover" as const),
      clockMs: fc.constantFrom(-dayMs, 0, dayMs),
      fate: fc.constantFrom("ends", "killed", "killed", "frozen", "frozen"),
      afterMs: fc.nat(120),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  confirmation: fc.constantFrom("succeeded", "succeeded", "succeeded", "declined", "requires_action"),
  faults: fc.array(
    fc.record({
      operation: fc.constantFrom("create", "confirm", "retrieve", "cancel"),
      nth: fc.integer({ min: 1, max: 2 }),
      how: fc.constantFrom(...Object.keys(broken)),
    }),
    { maxLength: 2 },
  ),
  leaseRunsOut: fc.boolean(),
  damages: fc.constantFrom(true, false, false),
  lies: fc.array(fc.constantFrom(...Object.keys(lies)), { maxLength: 2 }),
});

type Run = typeof run extends fc.Arbitrary<infer Value> ? Value : never;

const mandate = {
  transactionId: "order-1",
  amountValue: "199.00",
  currency: "USD",
  payeeWebsite: "merchant.example",
  openMandateHash: "open-1",
};

/** One purchase's own authority, payment service, store and workers. */
class World {
  readonly cycles: FakeCycles;
  readonly stripe: StripeServer;
  readonly children: ChildProcess[] = [];
  readonly own: Worker;
  readonly #places: Parameters<typeof createWorker>[0];

  private constructor(places: Parameters<typeof createWorker>[0], cycles: FakeCycles, stripe: StripeServer) {
    this.#places = places;
    this.cycles = cycles;
    this.stripe = stripe;
    this.own = createWorker(places);
  }

  static async with(body: (world: World) => Promise<void>): Promise<void> {
    const cycles = new FakeCycles();
    const [stripe, served] = await Promise.all([new StripeServer().listen(), serveCycles(cycles)]);
    const directory = await mkdtemp(join(tmpdir(), "imprest-ap2-chaos-"));
    const recordsFile = join(directory, "records.sqlite");
    const places = { authorityUrl: served.url, apiKey: "fault-test-key", stripePort: stripe.port, recordsFile };
    const world = new World(places, cycles, stripe);
    try {
      await body(world);
    } finally {
      for (const child of world.children) child.kill("SIGKILL");
      await paymentAuthority(world.own.authority).idle();
      await world.own.records.close?.();
      stripe.close();
      served.close();
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** A worker that has loaded everything. */
  async start({ job, clockMs }: Run["workers"][number]): Promise<ChildProcess> {
    const input = JSON.stringify({ places: this.#places, mandate, job, clockMs });
    const child = fork(fileURLToPath(new URL("ap2-chaos-worker.ts", import.meta.url)), [input], {
      execArgv: ["--conditions=@imprest/source", "--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.children.push(child);
    await once(child, "message");
    return child;
  }

  buy(): Promise<unknown> {
    return purchase(this.own, mandate).catch((error: unknown) => error);
  }

  /** @param answers what the look-up answers before it answers what is. */
  recover(answers: string[] = []): Promise<PaymentRecovery> {
    const look = (query: ChargeQuery): ChargeLookup | PromiseLike<ChargeLookup> => {
      const lie = lies[answers.shift() ?? ""];
      return lie ? (lie() as ChargeLookup) : lookupCharge(this.own.stripe, query);
    };
    return recover(this.own.authority, {
      abandonedAfterMs: 0,
      absentAfterMs: 0,
      lookupTimeoutMs: 500,
      lookupCharge: look,
    });
  }

  /** In microcents. */
  get charged(): number {
    return this.stripe.charged.reduce((sum, cents) => sum + cents * 1_000_000, 0);
  }
}

async function play(one: Run): Promise<void> {
  await World.with(async (world) => {
    const { cycles, stripe } = world;
    stripe.confirmation = one.confirmation;
    stripe.fault = ({ operation }, nth) => {
      const fault = one.faults.find((found) => found.operation === operation && found.nth === nth);
      return fault && broken[fault.how];
    };
    const frozen: ChildProcess[] = [];
    for (const worker of one.workers) {
      const child = await world.start(worker);
      await pause(worker.afterMs);
      if (worker.fate === "killed") child.kill("SIGKILL");
      if (worker.fate === "frozen" && child.kill("SIGSTOP")) frozen.push(child);
      if (worker.fate === "frozen" && one.leaseRunsOut) cycles.skewMs += 120_000;
    }
    await pause(50);
    if (one.leaseRunsOut) await world.recover();
    for (const child of frozen) child.kill("SIGCONT");
    for (const child of world.children)
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    stripe.fault = () => undefined;

    if (one.damages) await damaged(world);
    for (let nth = 0; nth < 10; nth += 1) {
      const { unresolved, malformed } = await world.recover(nth === 0 ? [...one.lies] : []);
      expect(malformed).toEqual([]);
      if (unresolved === 0) break;
      // What is still open waits for the customer, and is listed each time; then the customer acts.
      const waiting = stripe.intents.filter(({ status }) => status === "requires_action");
      if (nth > 0) for (const intent of waiting) intent.status = "canceled";
    }
    expect(await world.recover(), "nothing is open").toMatchObject({ settled: 0, released: 0, unresolved: 0 });
    expect(stripe.charged.length, "charges").toBeLessThanOrEqual(1);
    expect(cycles.spent, "books").toBe(world.charged);

    stripe.confirmation = "succeeded";
    await world.buy();
    expect(stripe.charged, "charges after the job's second run").toEqual([19_900]);
    expect(cycles.spent, "books after the job's second run").toBe(world.charged);
    cycles.skewMs += 300_000;
    expect(cycles.reserved, "held").toBe(0);
  });
}

/** A record that cannot be read blocks the purchase and is listed; put right, it goes on. */
async function damaged(world: World): Promise<void> {
  const { records } = world.own;
  const stored = await recordOf(records);
  if (stored === undefined) return;
  const { key, value } = stored;
  const charges = world.stripe.charged.length;
  const version = await records.replace(key, [1], stored.version);
  expect(await world.buy(), "over a damaged record").toMatchObject({ code: "ERR_AP2_LEDGER" });
  expect((await world.recover()).malformed).toEqual([key]);
  expect(world.stripe.charged.length, "charges over a damaged record").toBe(charges);
  await records.replace(key, value, version ?? "");
}

async function recordOf(records: RecordStore): Promise<StoredRecord | undefined> {
  for await (const stored of records.scan("ap2-payment:")) return stored;
  return undefined;
}

it(`random runs (seed ${seed}): at most one charge, the books equal it, and nothing is stranded`, async () => {
  const drawn = runs || 1000;
  const waiting = fc.sample(run, { numRuns: drawn, seed });
  const endsAt = performance.now() + playForMs;
  const failures: string[] = [];
  const lane = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const one = waiting.pop();
      if (one === undefined) return;
      try {
        await play(one);
      } catch (error) {
        failures.push(`${JSON.stringify(one)}: ${error instanceof Error ? error.message : "failed"}`);
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  console.info(`${drawn - waiting.length} runs of seed ${seed}`);
  expect(failures).toEqual([]);
}, 3_600_000);
