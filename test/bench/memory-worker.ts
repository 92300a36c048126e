// Does operations of one kind when asked, and reports the heap in MiB after them, what can be collected collected.
import { memoryCases } from "./memory-cases.ts";
import { bePeer } from "./peer.ts";

const [, , name = ""] = process.argv;
const start = memoryCases[name];
if (start === undefined) throw new Error(`There is no memory case "${name}".`);
const go = await start();
bePeer("ready", async (operations) => {
  await go(Number(operations));
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1_048_576;
});
