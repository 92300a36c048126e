// Buys, and dies by SIGKILL between the charge and the commit. usage: crashing-worker.ts PLACES MANDATE, both as JSON
import type { AP2Mandate } from "@imprest/ap2";
import { type Places, createWorker, purchase } from "./purchase.ts";

const [places = "", mandate = ""] = process.argv.slice(2);
await purchase(createWorker(JSON.parse(places) as Places), JSON.parse(mandate) as AP2Mandate, {
  afterCharge: () => process.kill(process.pid, "SIGKILL"),
});
