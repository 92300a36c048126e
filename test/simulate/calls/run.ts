import type { DeadLetter } from "@imprest/core";
import type { Outcome } from "../part.ts";
import { Stage } from "../stage.ts";
import { lastTroubleMs } from "../trouble.ts";
import type { Worker } from "../worker.ts";
import { History } from "./history.ts";
import { breaches } from "./laws.ts";
import { perform } from "./perform.ts";
import type { CallsPlan } from "./plan.ts";

/** By then every body has ended, every process is back, and what was left is recovered. */
const healedMs = lastTroubleMs + 600_000;
/** By then every lease has ended, and every settlement has been sent again. */
const endMs = healedMs + 7_200_000;

/** Runs a plan from its beginning until everything has healed. */
export async function run(plan: CallsPlan): Promise<Outcome> {
  const history = new History(plan);
  const stage = new Stage(plan, history);
  const { world, house, workers } = stage;
  await stage.open(
    plan.allocated,
    plan.calls.map(({ name }) => name),
  );
  for (const call of history.calls) world.at(call.plan.atMs, world.ever, () => void perform(call, { stage, history }));
  await world.run(healedMs);
  for (const { queue } of workers) if (queue) await stage.until(queue.recover());
  for (const { queue } of workers) queue?.wake();
  await world.run(endMs);
  const letters: DeadLetter[] = [];
  for (const worker of workers) {
    const isOwn = worker.index === 0 || !plan.isShared || plan.isForgetful;
    if (isOwn) await stage.until(collect(letters, worker));
  }
  const pending = workers.map(({ queue }) => queue?.pending ?? 0);
  const end = { pending, letters, books: await stage.until(house.books()), spentBefore: house.spentBefore };
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
