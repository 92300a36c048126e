import { defineConfig } from "tsup";
import { bundle } from "../../tools/tsup.ts";

export default defineConfig(
  bundle([
    "src/index.ts",
    "src/models/cycles/index.ts",
    "src/models/cycles/shapes.ts",
    "src/models/cycles/governance-shapes.ts",
    "src/models/cycles/evidence-shapes.ts",
    "src/models/arcp/index.ts",
    "src/models/ap2/index.ts",
    "src/models/ap2/shapes.ts",
    // Names without schemas, so that a client that needs only them does not bundle zod.
    "src/models/arcp/names.ts",
    "src/models/asp/index.ts",
    // An entry of its own: a client, which reads no events, must not bundle zod.
    "src/models/asp/audit-event.ts",
    "src/audit/index.ts",
    // Apart, so that verifiers do not bundle what signs.
    "src/audit/sign-audit-event.ts",
    "src/audit/verify-lines.ts",
    "src/node/index.ts",
    "src/http/transport/fetch.ts",
    "src/http/transport/undici.ts",
  ]),
);
