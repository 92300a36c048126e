import type { Chance } from "./mutate.ts";

/** Something that reads what strangers send. */
export interface Target {
  readonly name: string;
  /** Inputs that are taken, to be mutated. */
  readonly corpus: readonly string[];
  /**
   * Gives one input to a reader, and throws for anything but a proper acceptance or a typed refusal.
   */
  readonly start: (chance: Chance) => (input: string) => void | Promise<void>;
}

/** Runs `read`, and lets the errors pass that it is meant to throw. */
export function refusing(read: () => void, isMeant: (error: unknown) => boolean): void {
  try {
    read();
  } catch (error) {
    if (!isMeant(error)) throw error;
  }
}
