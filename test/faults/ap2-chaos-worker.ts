// Buys with the shipped example and the real `stripe` package, or recovers what others left, on a clock of its own.
// usage: ap2-chaos-worker.ts '{"places":…,"mandate":…,"job":"buy","clockMs":0}'
import type { AP2Mandate } from "@imprest/ap2";
import type { Places } from "../../examples/ap2/purchase.ts";

const { places, mandate, job, clockMs } = JSON.parse(process.argv[2] ?? "{}") as {
  readonly places: Places;
  readonly mandate: AP2Mandate;
  readonly job: "buy" | "recover";
  readonly clockMs: number;
};
const real = Date.now;
Date.now = () => real() + clockMs;

const { recover } = await import("@imprest/ap2");
const { createWorker, lookupCharge, purchase } = await import("../../examples/ap2/purchase.ts");
const worker = createWorker(places);
process.send?.("started");
try {
  if (job === "buy") await purchase(worker, mandate);
  else
    await recover(worker.authority, { abandonedAfterMs: 0, lookupCharge: lookupCharge.bind(undefined, worker.stripe) });
} catch {
  // What became of it stands in the books.
}
// The phase that nobody waits for is recorded before this process ends by itself.
setTimeout(() => process.exit(), 100);
