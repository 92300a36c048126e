import { defineConfig } from "tsup";
import { bundle } from "../../tools/tsup.ts";

export default defineConfig(
  bundle(["src/index.ts", "src/evidence/index.ts", "src/governance/index.ts", "src/node/index.ts"]),
);
