import type { Stryker } from "@stryker-mutator/core";

export type Mutant = Awaited<ReturnType<Stryker["runMutationTest"]>>[number];

export function hasLived({ status }: Mutant): boolean {
  return status === "Survived" || status === "NoCoverage";
}

/** Killed of all that were run: one that hangs counts as killed; one that fails outside of a test, or is static, is not counted. */
export function scoreOf(mutants: readonly Mutant[]): { ratio: number; total: number; lived: number; left: string } {
  const count = (...statuses: Mutant["status"][]): number =>
    mutants.filter(({ status }) => statuses.includes(status)).length;
  const killed = count("Killed", "Timeout");
  const lived = mutants.filter(hasLived).length;
  const total = killed + lived;
  const left = `not counted: ${count("RuntimeError", "CompileError")} errors, ${count("Ignored")} static`;
  return { ratio: total === 0 ? 0 : killed / total, total, lived, left };
}
