// Writes records at full speed until it is killed. Tells its parent of each one that it was promised.
import { fileRecordStore, logRecordStore } from "@imprest/core/node";

const [kind = "", dir = ""] = process.argv.slice(2);
const store = kind === "log" ? logRecordStore({ dir }) : fileRecordStore({ dir });

const writer = async (lane: number): Promise<void> => {
  for (let at = 0; ; at += 1) {
    const key = `${lane}:${at}`;
    const version = await store.create(key, { at, padding: "x".repeat(at % 700) });
    process.send?.(`put ${key}`);
    if (at % 3 === 0 && version !== undefined) {
      process.send?.(`deleting ${key}`);
      await store.delete(key, version);
      process.send?.(`deleted ${key}`);
    }
  }
};
await Promise.all(Array.from({ length: 16 }, (_, lane) => writer(lane)));
