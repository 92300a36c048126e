import type { Chance } from "../fuzz/mutate.ts";

/** What a run came to. */
export interface Outcome {
  /** The laws that it broke, in words; empty for a sound run. */
  readonly breaches: readonly string[];
  /** What it met: how calls ended, how they were settled, which letters were left. */
  readonly met: readonly string[];
}

/** One thing that is simulated: how its plans are drawn, run and made shorter. */
export interface Part<Plan> {
  readonly name: string;
  planOf(chance: Chance): Plan;
  /** Runs a plan from its beginning until everything has healed. */
  run(plan: Plan): Promise<Outcome>;
  /** The same plan, each time with one thing left out. */
  shorter(plan: Plan): Iterable<Plan>;
}
