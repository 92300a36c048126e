import type { Vectors } from "../suite.ts";

declare global {
  /** Put in by the bundler. */
  const vectors: Vectors;
}
