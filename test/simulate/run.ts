import type { DeadLetter } from "@imprest/core";
import { Disk } from "./disk.ts";
import { History } from "./history.ts";
import { House, tenant, unit } from "./house.ts";
import { type Books, breaches } from "./laws.ts";
import { perform } from "./perform.ts";
import { type Crash, type Plan, troubledMs } from "./plan.ts";
import { Worker } from "./worker.ts";
import { World } from "./world.ts";

const lastTroubleMs = troubledMs + 700_000;

/** By then every body has ended, and nothing goes wrong any more. */
const healedMs = troubledMs + 900_000;
/** By then every lease has ended, and every settlement has been sent again. */
const endMs = healedMs + 7_200_000;

export interface Outcome {
  /** The laws that it broke, in words; empty for a sound run. */
  readonly breaches: readonly string[];
  /** What it met: how calls ended, how they were settled, which letters were left. */
  readonly met: readonly string[];
}

/** Runs a plan from its beginning until everything has healed. */
export async function run(plan: Plan): Promise<Outcome> {
  const world = new World();
  const history = new History(plan);
  const house = new House(world, plan);
  await together(world, house.found());
  const disks = plan.isForgetful ? [] : Array.from({ length: plan.workers }, () => new Disk());
  const isTroubled = (): boolean => world.elapsed < lastTroubleMs;
  const isHoused = plan.wire === "embedded";
  const crash = ({ who, downMs }: Crash): void => {
    if (!isTroubled()) return;
    const isAuthority = who === "authority" || isHoused;
    const hit = isAuthority && !isHoused ? [] : workers.filter(({ index }) => isHoused || index === who);
    for (const worker of hit) {
      worker.kill();
      history.died(worker.index);
    }
    if (isAuthority) house.kill();
    world.at(world.elapsed + downMs, world.ever, () => {
      if (isAuthority && house.served === undefined) house.start();
      for (const worker of hit) worker.start();
    });
  };
  const workers: readonly Worker[] = Array.from({ length: plan.workers }, (_, index) => {
    const disk = disks[plan.isShared ? 0 : index];
    return new Worker(index, { world, plan, house, disk, history, crash, isTroubled });
  });
  const stage = { world, history, workers };
  for (const worker of workers) worker.start();
  for (const call of history.calls) world.at(call.plan.atMs, world.ever, () => void perform(call, stage));
  for (const one of plan.crashes) if ("atMs" in one.when) world.at(one.when.atMs, world.ever, () => crash(one));
  for (const { worker, atMs, byMs } of plan.jumps) world.at(atMs, world.ever, () => workers[worker]?.jump(byMs));
  await world.run(healedMs);
  for (const worker of workers) await together(world, worker.queue?.recover());
  for (const worker of workers) worker.queue?.wake();
  await world.run(endMs);
  const letters: DeadLetter[] = [];
  const pending: number[] = [];
  for (const worker of workers) {
    pending.push(worker.queue?.pending ?? 0);
    const isOwn = worker.index === 0 || !plan.isShared || plan.isForgetful;
    if (isOwn) await together(world, collect(letters, worker));
  }
  const end = { pending, letters, books: await together(world, booksOf(house)) };
  const met = [
    ...history.calls.map(({ outcome, isCrashed }) => `call ${isCrashed ? "cut off by a crash" : outcome}`),
    ...history.settlements.map(({ status }) => `settlement ${status}`),
    ...letters.map(({ kind }) => `letter ${kind}`),
  ];
  return { breaches: breaches(plan, history, end), met };
}

async function collect(letters: DeadLetter[], { queue }: Worker): Promise<void> {
  for await (const letter of queue?.deadLetters.list() ?? []) letters.push(letter);
}

async function booksOf({ served }: House): Promise<ReadonlyMap<string, Books>> {
  const balances = (await served?.budgets.list({ scope: { tenant } })) ?? [];
  return new Map(balances.filter((one) => one.unit === unit).map((one) => [one.scopePath, one]));
}

/** Lets time go on until `work` has ended. */
async function together<Result>(world: World, work: Promise<Result> | undefined): Promise<Result> {
  let isDone = false;
  const done = Promise.resolve(work).finally(() => (isDone = true));
  await world.run(world.elapsed + 3_600_000, () => isDone);
  if (!isDone) throw new Error("the simulator waits for something that never comes");
  return (await done) as Result;
}
