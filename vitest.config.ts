import { defineConfig } from "vitest/config";
import { chromiumProjects } from "./test/runtimes/chromium/projects.ts";

// Sources are read through the `@imprest/source` condition, so tests need no prior build.
const conditions = ["@imprest/source", "node", "default"];
const shared = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default defineConfig({
  test: {
    coverage: {
      provider: "v8",
      include: ["packages/**/src/**/*.ts"],
      // What runs in a page is driven there: the project "web".
      exclude: ["packages/web/src/**"],
      reporter: ["text-summary"],
      thresholds: { lines: 95 },
    },
    projects: [
      {
        ...shared,
        test: {
          name: "unit",
          include: [
            "packages/**/test/**/*.test.ts",
            "test/{architecture,conformance,docs,simulate}/**/*.test.ts",
            // What a page shows of a test is a test.
            "examples/**/*.test.ts",
          ],
          testTimeout: 20_000,
          // A worker runs many files, and loads the sources once: a third less work than a process a file. Nothing here
          // replaces a module, and a test cleans up what it patches.
          isolate: false,
          // The condition is for threads that a test starts: they are Node's own, and read the sources too. What a test
          // says of memory it says after a collection.
          execArgv: ["--conditions=@imprest/source", "--expose-gc"],
        },
      },
      {
        ...shared,
        test: { name: "faults", include: ["test/faults/**/*.test.ts"], testTimeout: 180_000, fileParallelism: false },
      },
      { ...shared, test: { name: "runtimes", include: ["test/runtimes/*.test.ts"], testTimeout: 60_000 } },
      ...chromiumProjects,
      {
        ...shared,
        test: {
          name: "web",
          include: ["test/web/**/*.test.ts"],
          globalSetup: "test/web/support/build-pages.ts",
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // They measure pages: one at a time.
          fileParallelism: false,
        },
      },
      {
        // The SDKs are loaded by Node itself, by the conditions that a user's program has.
        resolve: { conditions: conditions.slice(0, 1) },
        ssr: { resolve: { conditions: conditions.slice(0, 1) } },
        test: {
          name: "peers",
          include: ["test/peers/**/*.test.ts"],
          globalSetup: "test/peers/install.ts",
          testTimeout: 60_000,
        },
      },
      { test: { name: "next", include: ["test/next/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { name: "package", include: ["test/package/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 180_000 } },
    ],
  },
});
