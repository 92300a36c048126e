import type { Stryker } from "@stryker-mutator/core";

/** How Stryker runs; `main.ts` chooses what is mutated. */
export const options: ConstructorParameters<typeof Stryker>[0] = {
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  vitest: { configFile: "test/mutants/vitest.config.ts", related: false },
  testRunnerNodeArgs: ["--conditions=@imprest/source", "--expose-gc"],
  coverageAnalysis: "perTest",
  // What the kernel's tests do not load is not copied.
  ignorePatterns: ["docs", "examples", "test/*", "!test/mutants/**", "packages/**/dist"],
  tempDirName: ".stryker/tmp",
  incremental: true,
  incrementalFile: ".stryker/incremental.json",
  // A mutant that runs while a module loads would need a process of its own.
  ignoreStatic: true,
  // A second worker would make the time-outs of the first one's tests depend on it.
  concurrency: 1,
  reporters: ["progress"],
};
