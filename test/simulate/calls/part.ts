import type { Part } from "../part.ts";
import type { Wire } from "../trouble.ts";
import { type CallsPlan, planOf, shorter } from "./plan.ts";
import { run } from "./run.ts";

const wires: readonly Wire[] = ["cycles", "asp", "embedded"];

/** Guarded calls over each wire. */
export const callParts: readonly Part<CallsPlan>[] = wires.map((name) => ({
  name,
  planOf: (chance) => planOf(chance, name),
  run,
  shorter,
}));
