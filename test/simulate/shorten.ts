import type { CallPlan, Plan } from "./plan.ts";

/** The shortest plan found that still fails: parts are left out, one after the other, as long as any can be. */
export async function shorten(plan: Plan, fails: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let shortest = plan;
  for (let isShorter = true; isShorter;) {
    isShorter = false;
    for (const candidate of shorter(shortest)) {
      if (!(await fails(candidate))) continue;
      shortest = candidate;
      isShorter = true;
      break;
    }
  }
  return shortest;
}

function* shorter(plan: Plan): Generator<Plan> {
  for (const calls of without(plan.calls)) yield { ...plan, calls };
  for (const crashes of without(plan.crashes)) yield { ...plan, crashes };
  for (const network of without(plan.network)) yield { ...plan, network };
  for (const disks of without(plan.disks)) yield { ...plan, disks };
  for (const jumps of without(plan.jumps)) yield { ...plan, jumps };
  if (plan.isShared) yield { ...plan, isShared: false };
  if (plan.isForgetful) yield { ...plan, isForgetful: false };
  if (plan.allocated < 100_000) yield { ...plan, allocated: 100_000 };
  for (const [at, call] of plan.calls.entries()) {
    for (const simpler of shorterCalls(call)) yield { ...plan, calls: plan.calls.with(at, simpler) };
  }
}

const optional = ["late", "abortAfterMs", "settles", "partial", "unspent"] as const;

function* shorterCalls(call: CallPlan): Generator<CallPlan> {
  for (const steps of without(call.steps)) yield { ...call, steps };
  for (const name of optional) if (call[name] !== undefined) yield { ...call, [name]: undefined };
  if (call.adopted) for (const adopted of without(call.adopted)) yield { ...call, adopted };
}

function* without<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (const at of items.keys()) yield items.toSpliced(at, 1);
}
