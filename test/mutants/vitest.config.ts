import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { workspacePackages } from "../../tools/packages.ts";

// Stryker runs this in a copy of the repository whose `node_modules` are links into the real one, where nothing is mutated.
// So every package of ours is named here by the path of its source in the copy.
const alias = workspacePackages(process.cwd()).flatMap(({ name, folder, manifest }) =>
  Object.entries(manifest.exports).flatMap(([entry, target]) => {
    const source = typeof target === "string" ? target : target["@imprest/source"];
    return source === undefined ? [] : [{ find: `${name}${entry.slice(1)}`, replacement: join(folder, source) }];
  }),
);
const conditions = ["@imprest/source", "node", "default"];

export default defineConfig({
  resolve: {
    conditions,
    alias: alias.map(({ find, replacement }) => ({ find: new RegExp(`^${find}$`), replacement })),
  },
  ssr: { resolve: { conditions } },
  test: {
    include: ["packages/core/test/{reservation,settlement}/**/*.test.ts"],
    // It loads the library a second time, and would make what runs at loading look as if a test reached it.
    exclude: ["packages/core/test/settlement/two-copies.test.ts"],
    // A mutant that leaves a promise pending fails its test, which is quicker than Stryker's end of the process.
    testTimeout: 3_000,
    isolate: false,
  },
});
