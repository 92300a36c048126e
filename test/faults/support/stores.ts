import { join } from "node:path";
import type { RecordStore } from "@imprest/core";
import { type OnQuarantine, fileRecordStore, logRecordStore } from "@imprest/core/node";
import { fleetJournal } from "@imprest/cycles/node";

/** The durable stores that there are. */
export type StoreName = "fleet" | "file" | "log";

/** A store of the tenant that every test here uses. */
export function openStore(name: StoreName, dir: string, baseUrl: string, onQuarantine?: OnQuarantine): RecordStore {
  if (name === "fleet") return fleetJournal({ dir, baseUrl, subject: { tenant: "acme" }, onQuarantine });
  return name === "file" ? fileRecordStore({ dir: join(dir, "file") }) : logRecordStore({ dir: join(dir, "log") });
}
