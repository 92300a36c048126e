import type { Chance } from "../fuzz/mutate.ts";

// A run is a plan, and nothing in it is drawn while it runs: a failure is shortened by leaving parts of its plan out.

/** What is between a client and the authority. */
export const wires = ["cycles", "asp", "embedded"] as const;
export type Wire = (typeof wires)[number];

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

export type NetworkFault = "refused" | "lost" | "cut" | "doubled" | "slow" | "late" | "503" | "garbage";

/** What befalls the `nth` request of a worker, the first being 1. */
export interface Disturbance {
  readonly worker: number;
  readonly nth: number;
  readonly fault: NetworkFault;
}

/** What befalls the `nth` write of a worker: nothing is written, or it is and nobody hears of it. */
export interface DiskFault {
  readonly worker: number;
  readonly nth: number;
  readonly fault: "refused" | "unheard";
}

/** When a process dies: at a time, or `afterMs` after it began to send, or to write, for the `nth` time. */
export type Moment =
  | { readonly atMs: number }
  | { readonly request: number; readonly afterMs: number }
  | { readonly write: number; readonly afterMs: number };

export interface Crash {
  readonly who: number | "authority";
  readonly when: Moment;
  readonly downMs: number;
}

export interface ClockJump {
  readonly worker: number;
  readonly atMs: number;
  readonly byMs: number;
}

export interface Plan {
  readonly wire: Wire;
  readonly workers: number;
  /** Whether the workers keep their records in one store. */
  readonly isShared: boolean;
  /** Whether records are only as long as the process. */
  readonly isForgetful: boolean;
  readonly overage: "REJECT" | "ALLOW_IF_AVAILABLE" | "ALLOW_WITH_OVERDRAFT";
  readonly allocated: number;
  readonly ttlMs: number;
  readonly calls: readonly CallPlan[];
  readonly network: readonly Disturbance[];
  readonly disks: readonly DiskFault[];
  readonly crashes: readonly Crash[];
  readonly jumps: readonly ClockJump[];
}

/** How long calls begin and things go wrong; afterwards everything heals. */
export const troubledMs = 120_000;

const networkFaults: readonly NetworkFault[] = ["refused", "lost", "cut", "doubled", "slow", "late", "503", "garbage"];

export function planOf(chance: Chance, wire: Wire): Plan {
  // An authority in the process lives and dies with its one worker.
  const workers = wire === "embedded" ? 1 : 1 + chance.below(3);
  const some = <Item>(most: number, make: (at: number) => Item): Item[] =>
    Array.from({ length: chance.below(most + 1) }, (_, at) => make(at));
  const isQuiet = chance.below(4) === 0;
  const worker = (): number => chance.below(workers);
  return {
    wire,
    workers,
    isShared: workers > 1 && chance.below(3) === 0,
    isForgetful: chance.below(5) === 0,
    overage: chance.one(["REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"]),
    allocated: chance.one([60, 400, 100_000]),
    ttlMs: chance.one([2_000, 20_000, 60_000]),
    calls: Array.from({ length: 1 + chance.below(8) }, (_, at) => callOf(chance, `c${at}`, worker, wire)),
    network: isQuiet
      ? []
      : some(14, () => ({ worker: worker(), nth: 1 + chance.below(24), fault: chance.one(networkFaults) })),
    disks: isQuiet
      ? []
      : some(3, () => ({ worker: worker(), nth: 1 + chance.below(16), fault: chance.one(["refused", "unheard"]) })),
    crashes: isQuiet ? [] : some(3, () => ({ ...momentOf(chance, worker()), downMs: 50 + chance.below(30_000) })),
    jumps: some(2, () => ({
      worker: worker(),
      atMs: chance.below(troubledMs),
      byMs: chance.one([-86_400_000, -3_600_000, -5_000, 5_000, 3_600_000, 86_400_000]),
    })),
  };
}

function momentOf(chance: Chance, worker: number): Omit<Crash, "downMs"> {
  const kind = chance.below(6);
  if (kind < 2) return { who: worker, when: { atMs: chance.below(troubledMs) } };
  if (kind === 2) return { who: "authority", when: { atMs: chance.below(troubledMs) } };
  // Before, in the middle of, or after what an operation does.
  const afterMs = chance.one([0, 0.7, 1.2, 4]);
  const nth = 1 + chance.below(24);
  return { who: worker, when: kind === 3 ? { write: nth, afterMs } : { request: nth, afterMs } };
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
