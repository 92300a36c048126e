import { defineConfig } from "tsup";
import { bundle } from "../../tools/tsup.ts";

export default defineConfig(bundle(["src/index.ts", "src/verify-worker.ts"]));
