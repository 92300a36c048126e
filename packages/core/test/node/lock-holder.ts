// Claims a mandate in a log store, says what came of it, and holds the store until it is killed.
import { logRecordStore } from "@imprest/core/node";

const [dir = ""] = process.argv.slice(2);
const store = logRecordStore({ dir, onQuarantine: () => {} });
try {
  const version = await store.create("claim:mandate-1", { by: process.pid });
  console.log(version === undefined ? "taken" : "claimed");
} catch (error) {
  console.log(String(error));
}
setInterval(() => {}, 60_000);
