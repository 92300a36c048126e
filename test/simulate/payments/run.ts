import { type PaymentRecovery, classifyHttpError, recover, withReservation } from "@imprest/ap2";
import type { CyclesAuthority } from "@imprest/cycles";
import { tenant } from "../house.ts";
import type { Outcome } from "../part.ts";
import { Stage, type Witness } from "../stage.ts";
import { lastTroubleMs } from "../trouble.ts";
import type { Worker } from "../worker.ts";
import type { PaymentsPlan, Try } from "./plan.ts";
import { inProcessOf } from "./processes.ts";
import { Psp } from "./psp.ts";

/** The last try is long over by then. */
const healedMs = lastTroubleMs + 3_600_000;
const longestJumpsMs = 2 * 86_400_000 + 3_600_000;
const recoverEveryMs = 300_000;
const value = "0.01";
const microcents = 1_000_000n;

/** How a try ended for its caller; `undefined` while it has not. */
interface Tried {
  readonly payment: string;
  readonly worker: number;
  outcome: string | undefined;
  isCrashed: boolean;
}

/** Runs a plan from its beginning until everything has healed. */
export async function run(plan: PaymentsPlan): Promise<Outcome> {
  const tried: Tried[] = [];
  const witness: Witness = {
    listen() {},
    sent() {},
    died: (worker) => {
      for (const one of tried) if (one.worker === worker && one.outcome === undefined) one.isCrashed = true;
    },
  };
  const stage = new Stage(plan, witness);
  const { world, workers } = stage;
  await stage.open(1_000_000_000, []);
  const psp = new Psp(world, plan.honoursKeys, plan.blind);
  for (const { name, tries } of plan.payments) {
    for (const one of tries) world.at(one.atMs, world.ever, () => void pay(name, one, { stage, psp, tried }));
  }
  for (let at = recoverEveryMs; at < healedMs; at += recoverEveryMs) {
    for (const worker of workers) world.at(at, world.ever, () => void tend(worker, psp));
  }
  await world.run(healedMs);
  let last: PaymentRecovery | undefined;
  // By a clock that was set back, what was begun before is in the future.
  for (let elapsed = 0; elapsed < longestJumpsMs; elapsed += 3_600_000) {
    for (const worker of workers) last = (await stage.until(tend(worker, psp))) ?? last;
    await world.run(world.elapsed + 3_600_000);
  }
  const books = (await stage.until(stage.house.books())).get(`tenant:${tenant}`);
  const breaches: string[] = [];
  let paid = 0n;
  for (const { name } of plan.payments) {
    const charges = psp.charges.get(name) ?? [];
    if (charges.length > 1) breaches.push(`${name}: it was charged ${charges.length} times`);
    for (const { amount } of charges) paid += amount;
  }
  const spent = stage.house.spentBefore + (books?.spent ?? 0n) + (books?.debt ?? 0n);
  const unseen = BigInt(psp.unseen.size) * microcents;
  if (spent > paid || spent + unseen < paid) breaches.push(`all: the books have ${spent}, the provider ${paid}`);
  if (books?.reserved !== 0n) breaches.push(`all: ${books?.reserved} are held for ever`);
  if (last?.unresolved !== 0 || last.malformed.length > 0) {
    breaches.push(`all: ${last?.unresolved} payments are left, ${last?.malformed.length} cannot be read`);
  }
  for (const { payment, outcome, isCrashed } of tried) {
    if (outcome === undefined && !isCrashed) breaches.push(`${payment}: a promise of its caller is pending for ever`);
  }
  const met = tried.map(({ outcome, isCrashed }) => `payment ${isCrashed ? "cut off by a crash" : outcome}`);
  return { breaches, met };
}

interface Scene {
  readonly stage: Stage;
  readonly psp: Psp;
  readonly tried: Tried[];
}

async function pay(
  payment: string,
  { worker: index, fate, tracksCharge }: Try,
  { stage, psp, tried }: Scene,
): Promise<void> {
  const { authority, life } = stage.workers[index] as Worker;
  if (authority === undefined) return;
  const one: Tried = { payment, worker: index, outcome: undefined, isCrashed: false };
  tried.push(one);
  const mandate = { transactionId: payment, amountValue: value, currency: "USD", payeeWebsite: "merchant.example" };
  try {
    const { settlement } = await inProcessOf(life, () =>
      withReservation(
        authority as CyclesAuthority,
        { mandate, runId: "run", tenant },
        async (own) => {
          if (tracksCharge) await own.charging();
          const reference = await psp.charge(life, payment, own.pspIdempotencyKey, own.microcents, fate);
          if (tracksCharge) await own.charged({ reference });
        },
        { classify: classifyHttpError, tracksCharge },
      ),
    );
    one.outcome = settlement.status;
  } catch (error) {
    one.outcome = error instanceof Error ? error.name : String(error);
  }
}

/** What a process does from time to time. */
async function tend({ authority, life }: Worker, psp: Psp): Promise<PaymentRecovery | undefined> {
  if (authority === undefined) return undefined;
  const lookupCharge = psp.lookUp.bind(psp);
  // A store that fails is asked again the next time.
  return inProcessOf(life, () => recover(authority as CyclesAuthority, { lookupCharge })).catch(() => undefined);
}
