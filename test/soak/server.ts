// The authority under the soak, in a process of its own: sends its address, then its memory every second.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { usdMicrocents } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const embedded = createEmbeddedAuthority({ retention: { finishedReservations: 20_000, idempotencyKeys: 20_000 } });
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usdMicrocents(10n ** 15n) });
const { key } = await embedded.apiKeys.create({ tenant: "acme" });
await embedded.budgets.create({ scope: { tenant: "noisy" }, allocated: usdMicrocents(1_000n) });
const { key: noisyKey } = await embedded.apiKeys.create({ tenant: "noisy" });
const { url } = await serve(embedded, { port: 0 });
process.on("disconnect", () => process.exit());
process.send?.({ url, key, noisyKey });
setInterval(() => {
  collect();
  process.send?.({ heapMib: Math.round(process.memoryUsage().heapUsed / 1_048_576) });
}, 5_000);
