import type { World } from "../check.ts";

declare global {
  /** Put in by whoever builds the suite. */
  const world: World;
}
