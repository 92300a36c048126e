import { defineConfig } from "tsup";
import { bundle } from "../../tools/tsup.ts";

export default defineConfig(
  bundle(["src/index.ts", "src/node/index.ts", "src/runtime/index.ts", "src/node/runtime.ts"]),
);
