// Claims a mandate in a log store, or in a file store, says what came of it, and holds the store until it is killed.
import { fileRecordStore, logRecordStore } from "@imprest/core/node";

const [dir = "", kind] = process.argv.slice(2);
const options = { dir, onQuarantine: () => {} };
const store = kind === "files" ? fileRecordStore(options) : logRecordStore(options);
try {
  const version = await store.create("claim:mandate-1", { by: process.pid });
  console.log(version === undefined ? "taken" : "claimed");
} catch (error) {
  console.log(String(error));
}
setInterval(() => {}, 60_000);
