import type { Chance } from "../../fuzz/mutate.ts";
import { type Trouble, type Wire, calmer, troubleOf, troubledMs, without } from "../trouble.ts";

/** What a body does, one after the other. */
export type Step =
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "spend"; readonly amount: number; readonly isDecorated: boolean }
  | { readonly do: "commit"; readonly amount: number }
  | { readonly do: "unspent" | "release" | "throw" };

/** One guarded call, and what it does before and after its end. */
export interface CallPlan {
  readonly name: string;
  readonly worker: number;
  readonly atMs: number;
  readonly estimate: number;
  readonly steps: readonly Step[];
  readonly shape: "call" | "stream" | "exported";
  /** Stated once it is over. */
  readonly late?: { readonly afterMs: number; readonly amount: number } | undefined;
  readonly abortAfterMs?: number | undefined;
  /** What the options say where the body does not. */
  readonly settles?: "estimate" | undefined;
  readonly partial?: "estimate" | undefined;
  readonly unspent?: boolean | undefined;
  /** Of an exported reservation: who settles it, with how much, and when. */
  readonly adopted?: readonly { readonly worker: number; readonly afterMs: number; readonly amount: number }[];
}

/** Guarded calls of several workers, on one budget that may not be enough. */
export interface CallsPlan extends Trouble {
  readonly allocated: number;
  readonly calls: readonly CallPlan[];
}

export function planOf(chance: Chance, wire: Wire): CallsPlan {
  const trouble = troubleOf(chance, wire);
  const worker = (): number => chance.below(trouble.workers);
  return {
    ...trouble,
    allocated: chance.one([60, 400, 100_000]),
    calls: Array.from({ length: 1 + chance.below(8) }, (_, at) => callOf(chance, `c${at}`, worker, wire)),
  };
}

function callOf(chance: Chance, name: string, worker: () => number, wire: Wire): CallPlan {
  const shape = chance.one(["call", "call", "call", "stream", wire === "embedded" ? "call" : "exported"] as const);
  const may = <Value>(oneIn: number, value: () => Value): Value | undefined =>
    chance.below(oneIn) === 0 ? value() : undefined;
  const amount = (): number => 1 + chance.below(60);
  const common = {
    name,
    worker: worker(),
    atMs: chance.below(troubledMs),
    estimate: 1 + chance.below(50),
    shape,
    late: may(6, () => ({ afterMs: 1 + chance.below(20_000), amount: amount() })),
    abortAfterMs: may(6, () => chance.below(20_000)),
    settles: may(4, () => "estimate" as const),
    partial: may(4, () => "estimate" as const),
    unspent: may(4, () => true),
  };
  if (shape === "exported") {
    const first = { worker: worker(), afterMs: 1 + chance.below(30_000), amount: amount() };
    const again = may(3, () => ({ worker: worker(), afterMs: 1 + chance.below(40_000), amount: first.amount }));
    return { ...common, steps: [], adopted: again === undefined ? [first] : [first, again] };
  }
  return { ...common, steps: Array.from({ length: chance.below(5) }, () => stepOf(chance, amount, shape)) };
}

function stepOf(chance: Chance, amount: () => number, shape: CallPlan["shape"]): Step {
  const spend = (): Step => ({ do: "spend", amount: amount(), isDecorated: chance.below(3) === 0 });
  const kind = chance.below(10);
  if (kind < 3) return { do: "wait", ms: chance.one([1, 30, 700, 4_000, 25_000, 90_000]) };
  if (kind < 7) return spend();
  if (kind === 7) return { do: "throw" };
  if (shape === "stream") return spend();
  return chance.one<Step>([{ do: "commit", amount: amount() }, { do: "unspent" }, { do: "release" }]);
}

export function* shorter(plan: CallsPlan): Generator<CallsPlan> {
  for (const calls of without(plan.calls)) yield { ...plan, calls };
  yield* calmer(plan);
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
