import { defineConfig } from "tsup";
import { bundle } from "../../tools/tsup.ts";

export default defineConfig(
  bundle([
    "src/index.ts",
    "src/models/cycles/index.ts",
    "src/audit/index.ts",
    "src/node/index.ts",
    "src/http/transport/fetch.ts",
    "src/http/transport/undici.ts",
  ]),
);
