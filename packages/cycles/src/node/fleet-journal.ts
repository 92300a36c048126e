import { join } from "node:path";
import {
  ConfigurationError,
  type RecordStore,
  type RecordValue,
  type SettlementInstruction,
  type StoredRecord,
} from "@imprest/core";
import {
  normaliseBaseUrl,
  readInstruction,
  instructionKey,
  instructionPrefix,
  writeInstruction,
} from "@imprest/core/internal";
import { type OnQuarantine, fileRecordStore } from "@imprest/core/node";
import type { CyclesClientOptions } from "../options.ts";
import { targetOf } from "../target.ts";
import { defaultFleetDirectory, fleetFingerprint } from "./fleet-directory.ts";
import { FleetFiles, type FoundRecord } from "./fleet-files.ts";
import { toFleetRecord, toInstruction } from "./fleet-record.ts";

/** Whose journal it is, in the words of the client: `fleetJournal({ ...clientOptions, dir })`. */
export interface FleetJournalOptions {
  /** The folder that all clients of this machine share; `~/.runcycles/commit-journal` when absent, as for them. */
  readonly dir?: string | undefined;
  /** Written as the other clients' configuration has it: the same text, or they look elsewhere. */
  readonly baseUrl: string;
  /** Its `tenant` is the principal; without one the API key is, and a rotated key finds nothing of the old one. */
  readonly subject?: CyclesClientOptions["subject"];
  /** Not used, and not asked for, when there is a tenant. */
  readonly apiKey?: CyclesClientOptions["apiKey"] | undefined;
  /** Told of each file that could not be read, once it is set aside as `.corrupt`; a process warning by default. */
  readonly onQuarantine?: OnQuarantine | undefined;
}

/** The two places: what the fleet can read, and what it has no shape for. */
interface Places {
  readonly fleet: FleetFiles;
  readonly own: RecordStore;
}

/**
 * The journal that the Cycles clients of all languages share: a worker in any of them finishes what another left.
 * Commits and their events are kept in the fleet's format, `<dir>/<fingerprint>/v2-<sha256>.json`. Releases and dead
 * letters have none, and stand in `<dir>/imprest/<fingerprint>` as `fileRecordStore` keeps them. Several processes may
 * share it.
 * @throws ConfigurationError when there is neither a tenant nor an API key, or no usable base URL.
 */
export function fleetJournal(options: FleetJournalOptions): RecordStore {
  const { baseUrl, subject, apiKey } = options;
  const target = targetOf(normaliseBaseUrl(baseUrl, true), subject?.tenant);
  const prefix = instructionPrefix("cycles", target);
  const tenant = subject?.tenant?.trim() ? subject.tenant : undefined;
  if (tenant === undefined && apiKey === undefined) {
    throw new ConfigurationError(
      "A fleet journal belongs to a tenant or to an API key; give subject.tenant or apiKey.",
    );
  }
  /** The reservations whose record this process wrote or read, by key, so that deleting one reads nothing. */
  const known = new Map<string, string>();
  let opening: Promise<Places> | undefined;

  async function open(): Promise<Places> {
    const principal = tenant === undefined ? { apiKey: await readKey(apiKey) } : { tenant };
    const fingerprint = await fleetFingerprint(baseUrl, principal);
    const { dir = defaultFleetDirectory(), onQuarantine } = options;
    return {
      fleet: new FleetFiles(join(dir, fingerprint), onQuarantine),
      own: fileRecordStore({ dir: join(dir, "imprest", fingerprint), onQuarantine }),
    };
  }

  function places(): Promise<Places> {
    // A failure is not remembered: the key may be given by the next call.
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  /** The settlement, when the fleet has a shape for it. */
  function forFleet(key: string, value: RecordValue): SettlementInstruction | undefined {
    const instruction = key.startsWith(prefix) ? readInstruction(value) : undefined;
    if (instruction?.kind !== "commit" || instructionKey(instruction) !== key) return undefined;
    const hasMode = instruction.mode === "commit" || instruction.mode === "event";
    return hasMode && instruction.body.startsWith("{") ? instruction : undefined;
  }

  function stored({ record, version }: FoundRecord): StoredRecord {
    const instruction = toInstruction(record, target);
    const key = instructionKey(instruction);
    known.set(key, record.reservationId);
    return { key, value: writeInstruction(instruction), version };
  }

  /** A key ends in `<reservation>:<idempotency key>`, and either may hold colons. */
  async function find(fleet: FleetFiles, key: string): Promise<StoredRecord | undefined> {
    if (!key.startsWith(prefix)) return undefined;
    for (let at = key.indexOf(":", prefix.length); at > 0; at = key.indexOf(":", at + 1)) {
      const found = await fleet.read(key.slice(prefix.length, at));
      const record = found && found.record.baseUrl === baseUrl ? stored(found) : undefined;
      if (record?.key === key) return record;
    }
    return undefined;
  }

  return {
    async create(key, value) {
      const { fleet, own } = await places();
      const instruction = forFleet(key, value);
      if (instruction === undefined) return own.create(key, value);
      const version = await fleet.create(toFleetRecord(instruction, baseUrl));
      if (version !== undefined) known.set(key, instruction.reservationId);
      return version;
    },
    async read(key) {
      const { fleet, own } = await places();
      return (await find(fleet, key)) ?? own.read(key);
    },
    async replace(key, value, version) {
      const { fleet, own } = await places();
      const instruction = forFleet(key, value);
      if (instruction === undefined) return own.replace(key, value, version);
      return fleet.replace(instruction.reservationId, version, (before) => toFleetRecord(instruction, baseUrl, before));
    },
    async delete(key, version) {
      const { fleet, own } = await places();
      const isKnown = known.has(key) || (await find(fleet, key)) !== undefined;
      const reservationId = known.get(key);
      if (!isKnown || reservationId === undefined) return own.delete(key, version);
      const removed = await fleet.remove(reservationId, version);
      if (removed || version === undefined) known.delete(key);
      return removed;
    },
    async *scan(wanted) {
      const { fleet, own } = await places();
      if (prefix.startsWith(wanted) || wanted.startsWith(prefix)) {
        for await (const found of fleet.all()) {
          if (found.record.baseUrl !== baseUrl) continue;
          const record = stored(found);
          if (record.key.startsWith(wanted)) yield record;
        }
      }
      yield* own.scan(wanted);
    },
    async close() {
      const opened = await opening?.catch(() => undefined);
      await opened?.fleet.idle();
      await opened?.own.close?.();
    },
  };
}

async function readKey(source: FleetJournalOptions["apiKey"]): Promise<string> {
  const key = typeof source === "function" ? await source() : source;
  if (typeof key === "string" && key !== "") return key;
  throw new ConfigurationError("The apiKey function gave no key, so the journal's folder is unknown.");
}
