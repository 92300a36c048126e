import type { Mutant } from "./score.ts";

/** A mutant that no test kills, and why it may live. Its place is given by its text, which outlives line numbers. */
export interface Survivor {
  /** From `packages/core/src`. */
  readonly file: string;
  /** The line where it begins. */
  readonly line: string;
  readonly from: string;
  readonly to: string;
  readonly why?: string;
}

/** Long pieces are cut: the line and the beginning say which one it is. */
const longestText = 100;

/** @param text of the file as it was when the run began. */
export function describeMutant({ location, replacement }: Mutant, file: string, text: string): Survivor {
  // Stryker counts lines and columns from 1.
  const lines = text.split("\n");
  const offsetOf = ({ line, column }: { line: number; column: number }): number =>
    lines.slice(0, line - 1).reduce((sum, before) => sum + before.length + 1, column - 1);
  const short = (piece: string): string => piece.replaceAll(/\s+/g, " ").trim().slice(0, longestText);
  return {
    file,
    line: short(lines[location.start.line - 1] ?? ""),
    from: short(text.slice(offsetOf(location.start), offsetOf(location.end))),
    to: short(replacement ?? ""),
  };
}
