import {
  type Amount,
  type Reservation,
  type SpendAuthority,
  adopt,
  openReservation,
  usdMicrocents,
  withReservation,
  withReservationStream,
} from "@imprest/core";
import type { CallHistory, History } from "./history.ts";
import { tenant } from "./house.ts";
import type { CallPlan, Step } from "./plan.ts";
import type { Worker } from "./worker.ts";
import type { Life, World } from "./world.ts";

export interface Stage {
  readonly world: World;
  readonly history: History;
  readonly workers: readonly Worker[];
}

/** Decoration that no wire can carry: it must not keep a spend out of the books. */
const malformed = { latencyMs: 1.5, inputTokens: Number.NaN, modelVersion: 7 as unknown as string };

/** Makes one call of the plan on its worker, and notes what is true of it. Never rejects. */
export async function perform(call: CallHistory, { world, history, workers }: Stage): Promise<void> {
  const { plan } = call;
  const worker = workers[plan.worker] as Worker;
  const { authority, life } = worker;
  if (authority === undefined) return void (call.outcome = "down");
  const visit = history.enter(plan.worker, call);
  const abort = new AbortController();
  if (plan.abortAfterMs !== undefined) {
    world.at(world.elapsed + plan.abortAfterMs, life, () => abort.abort(new DOMException("aborted", "AbortError")));
  }
  const doing = { call, world, life, authority, signal: abort.signal };
  try {
    if (plan.shape === "call") await makeCall(doing);
    else if (plan.shape === "stream") await readStream(doing);
    else await exportFor({ world, history, workers }, doing);
    call.outcome = "returned";
  } catch (error) {
    call.outcome = error instanceof Error ? error.name : String(error);
  }
  // Nobody waits for the letter of a spend that was stated late: until it is written, a crash may take it.
  await world.pause(life, letterMs);
  visit.left();
}

const letterMs = 1_000;

interface Doing {
  readonly call: CallHistory;
  readonly world: World;
  readonly life: Life;
  readonly authority: SpendAuthority;
  readonly signal: AbortSignal;
}

const requestOf = ({ estimate, name }: CallPlan) => ({
  estimate: usdMicrocents(BigInt(estimate)),
  action: { kind: "llm.completion", name: "model" },
  subject: { tenant, agent: name },
});

function optionsOf({ call: { plan }, signal }: Doing) {
  return {
    idempotencyKey: `key-${plan.name}`,
    signal,
    settle: plan.settles,
    partial: plan.partial,
    ...(plan.unspent && { unspent: () => true }),
  };
}

function begin(call: CallHistory, reservation: Reservation): void {
  call.isStarted = true;
  call.reservationId = reservation.id;
}

/** Adds to what the call has spent. @returns the whole, which is about to be stated. */
function paid(call: CallHistory, amount: number): Amount {
  call.stated += BigInt(amount);
  return usdMicrocents(call.stated);
}

async function makeCall(doing: Doing): Promise<void> {
  const { call } = doing;
  let made: Reservation | undefined;
  const body = async (reservation: Reservation): Promise<void> => {
    made = reservation;
    begin(call, reservation);
    for (const step of call.plan.steps) await take(step, reservation, doing);
    call.hasEnded = true;
  };
  try {
    await withReservation(doing.authority, requestOf(call.plan), body, optionsOf(doing));
  } finally {
    await stateLate(doing, made);
  }
}

async function take(step: Step, reservation: Reservation, { call, world, life }: Doing): Promise<void> {
  if (step.do === "wait") return pauseUnless(reservation.signal, world.pause(life, step.ms));
  if (step.do === "throw") throw new Error("the body failed");
  try {
    if (step.do === "spend") {
      reservation.spend(paid(call, step.amount), step.isDecorated ? malformed : undefined);
    } else if (step.do === "commit") {
      await reservation.commit(paid(call, step.amount));
    } else if (step.do === "unspent") reservation.unspent();
    else await reservation.release();
  } catch {
    // A body that goes on, whatever a method threw.
  }
}

/** What is said once the call is over, by code that held on to its reservation. */
async function stateLate({ call, world, life }: Doing, made: Reservation | undefined): Promise<void> {
  const { late } = call.plan;
  if (late === undefined || made === undefined) return;
  await world.pause(life, late.afterMs);
  try {
    made.spend(paid(call, late.amount));
  } catch {
    // It is a dead letter.
  }
}

async function readStream(doing: Doing): Promise<void> {
  const { call, world, life } = doing;
  let made: Reservation | undefined;
  async function* body(reservation: Reservation): AsyncGenerator<bigint> {
    made = reservation;
    begin(call, reservation);
    let total = 0n;
    for (const step of call.plan.steps) {
      if (step.do === "wait") await pauseUnless(reservation.signal, world.pause(life, step.ms));
      else if (step.do === "throw") throw new Error("the stream failed");
      else if (step.do === "spend") yield (total += BigInt(step.amount));
    }
    call.hasEnded = true;
  }
  // A chunk that nobody reads any more states nothing: the figure before it is the least.
  const spend = (total: bigint) => usdMicrocents((call.stated = total));
  const options = { ...optionsOf(doing), spend };
  const stream = withReservationStream(doing.authority, requestOf(call.plan), body, options);
  try {
    for await (const _ of stream) await world.pause(life, 5);
    await stream.settlement;
  } finally {
    await stateLate(doing, made);
  }
}

/** Another process settles: each adopter commits what the plan says, when its process is there. */
async function exportFor({ history, workers }: Stage, doing: Doing): Promise<void> {
  const { call, world, authority } = doing;
  const { plan } = call;
  const { idempotencyKey, signal } = optionsOf(doing);
  const reservation = await openReservation(authority, requestOf(plan), { idempotencyKey, signal });
  call.reservationId = reservation.id;
  const exported = reservation.export();
  call.isStarted = true;
  // The plan is in a database, which outlives every process here.
  const always = world.ever;
  await Promise.all(
    (plan.adopted ?? []).map(async ({ worker: index, afterMs, amount }) => {
      await world.pause(always, afterMs);
      const worker = workers[index] as Worker;
      while (worker.authority === undefined) await world.pause(always, 1_000);
      const visit = history.enter(index, call);
      if (BigInt(amount) > call.stated) call.stated = BigInt(amount);
      const adopted = await adopt(worker.authority, exported);
      await adopted.commit(usdMicrocents(BigInt(amount)));
      visit.left();
    }),
  );
  call.hasEnded = true;
}

/** Waits, and no longer than its signal: as a body that passes the signal on. */
function pauseUnless(signal: AbortSignal, paused: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    void paused.then(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
  });
}
