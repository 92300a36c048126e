import type { Chance } from "../fuzz/mutate.ts";

// A run is a plan, and nothing in it is drawn while it runs: a failure is shortened by leaving parts of its plan out.

/** What is between a client and the authority. */
export type Wire = "cycles" | "asp" | "embedded";

export type NetworkFault = "refused" | "lost" | "cut" | "doubled" | "slow" | "late" | "503" | "garbage";

/** What befalls the `nth` request of a worker, the first being 1. */
export interface Disturbance {
  readonly worker: number;
  readonly nth: number;
  readonly fault: NetworkFault;
}

/** What befalls the `nth` write of a worker: nothing is written, or it is and the answer is lost. */
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

/** A process that stands still, as under SIGSTOP: it wakes where it was, and knows of nothing. */
export interface Freeze {
  readonly worker: number;
  readonly atMs: number;
  readonly forMs: number;
}

/** A wall clock that is set, by an operator or by NTP. */
export interface ClockJump {
  readonly worker: number;
  readonly atMs: number;
  readonly byMs: number;
}

/** The world of a run: who is there, and what goes wrong. */
export interface Trouble {
  readonly wire: Wire;
  readonly workers: number;
  /** Whether the workers keep their records in one store. */
  readonly isShared: boolean;
  /** Whether records are only as long as the process. */
  readonly isForgetful: boolean;
  readonly overage: "REJECT" | "ALLOW_IF_AVAILABLE" | "ALLOW_WITH_OVERDRAFT";
  readonly ttlMs: number;
  /** How long the tenant's budget lasts until it begins anew; for ever when absent. */
  readonly periodMs: number | undefined;
  readonly network: readonly Disturbance[];
  readonly disks: readonly DiskFault[];
  readonly crashes: readonly Crash[];
  readonly freezes: readonly Freeze[];
  readonly jumps: readonly ClockJump[];
}

/** How long work begins; what began goes on, and goes wrong, for longer. */
export const troubledMs = 120_000;
/** From then on nothing goes wrong any more. */
export const lastTroubleMs = troubledMs + 700_000;

const networkFaults: readonly NetworkFault[] = ["refused", "lost", "cut", "doubled", "slow", "late", "503", "garbage"];

export function troubleOf(chance: Chance, wire: Wire): Trouble {
  // An authority in the process lives and dies with its one worker.
  const workers = wire === "embedded" ? 1 : 1 + chance.below(3);
  const isQuiet = chance.below(4) === 0;
  const some = <Item>(most: number, make: () => Item): Item[] =>
    Array.from({ length: isQuiet ? 0 : chance.below(most + 1) }, make);
  const worker = (): number => chance.below(workers);
  const atMs = (): number => chance.below(troubledMs);
  return {
    wire,
    workers,
    isShared: workers > 1 && chance.below(3) === 0,
    isForgetful: chance.below(5) === 0,
    overage: chance.one(["REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT"]),
    ttlMs: chance.one([2_000, 20_000, 60_000]),
    periodMs: chance.one([undefined, undefined, 60_000, 77_000]),
    network: some(14, () => ({ worker: worker(), nth: 1 + chance.below(24), fault: chance.one(networkFaults) })),
    disks: some(3, () => ({ worker: worker(), nth: 1 + chance.below(16), fault: chance.one(["refused", "unheard"]) })),
    crashes: some(3, () => ({ ...momentOf(chance, worker()), downMs: 50 + chance.below(30_000) })),
    freezes: some(1, () => ({ worker: worker(), atMs: atMs(), forMs: chance.one([3_000, 30_000, 300_000]) })),
    jumps: some(2, () => ({
      worker: worker(),
      atMs: atMs(),
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
  const nth = 1 + chance.below(16);
  return { who: worker, when: kind === 3 ? { write: nth, afterMs } : { request: nth, afterMs } };
}

/** The same run with less trouble in it, each with one thing left out. */
export function* calmer<Plan extends Trouble>(plan: Plan): Generator<Plan> {
  for (const name of ["crashes", "freezes", "network", "disks", "jumps"] as const) {
    for (const left of without<unknown>(plan[name])) yield { ...plan, [name]: left };
  }
  if (plan.isShared) yield { ...plan, isShared: false };
  if (plan.periodMs !== undefined) yield { ...plan, periodMs: undefined };
  if (plan.isForgetful) yield { ...plan, isForgetful: false };
}

/** A list with one item left out, for each of its items. */
export function* without<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (const at of items.keys()) yield items.toSpliced(at, 1);
}
