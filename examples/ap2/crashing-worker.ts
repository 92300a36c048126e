// Buys, and dies by SIGKILL between the charge and the commit. usage: crashing-worker.ts PLACES MANDATE, both as JSON
import type { AP2Mandate } from "@imprest/ap2";
import { type Places, createWorker, purchase } from "./purchase.ts";

const [places = "", mandate = ""] = process.argv.slice(2);
const worker = createWorker(JSON.parse(places) as Places);
// The answer of the charge has arrived, and nobody has read it yet.
worker.stripe.on("response", ({ path }: { readonly path: string }) => {
  if (path.endsWith("/confirm")) process.kill(process.pid, "SIGKILL");
});
await purchase(worker, JSON.parse(mandate) as AP2Mandate);
