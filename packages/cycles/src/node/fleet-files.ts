import { createHash } from "node:crypto";
import type { OnQuarantine } from "@imprest/core/node";
import { RecordDirectory, Turns } from "@imprest/core/node";
import { fleetFileName } from "./fleet-directory.ts";
import { type FleetRecord, readFleetRecord, toInstruction, writeFleetRecord } from "./fleet-record.ts";

/** A record as it stands in its file. */
export interface FoundRecord {
  readonly record: FleetRecord;
  /** A digest of the text: another worker's write gives another. */
  readonly version: string;
}

/** The files of one fingerprint's folder, one a reservation. */
export class FleetFiles {
  readonly #directory: RecordDirectory;
  readonly #turns = new Turns();

  constructor(path: string, onQuarantine: OnQuarantine | undefined) {
    this.#directory = new RecordDirectory(path, onQuarantine);
  }

  /** @returns the version, or `undefined` when the reservation has a record already. */
  create(record: FleetRecord): Promise<string | undefined> {
    const name = fleetFileName(record.reservationId);
    const text = writeFleetRecord(record);
    return this.#turns.take(name, async () =>
      (await this.#directory.create(name, text)) ? versionOf(text) : undefined,
    );
  }

  /** Changes a record while it has `version`. The fleet knows no locks: a worker in another language is not kept out. */
  replace(
    reservationId: string,
    version: string,
    change: (before: FleetRecord) => FleetRecord,
  ): Promise<string | undefined> {
    const name = fleetFileName(reservationId);
    return this.#turns.take(name, async () => {
      const found = await this.#load(name);
      if (found?.version !== version) return undefined;
      const text = writeFleetRecord(change(found.record));
      await this.#directory.replace(name, text);
      return versionOf(text);
    });
  }

  read(reservationId: string): Promise<FoundRecord | undefined> {
    return this.#load(fleetFileName(reservationId));
  }

  /**
   * @returns whether there was such a record. One that a power failure brings back is replayed under its key, which the
   * authority remembers: that is cheaper than a second flush for every settlement.
   */
  remove(reservationId: string, version?: string): Promise<boolean> {
    const name = fleetFileName(reservationId);
    return this.#turns.take(name, async () => {
      if (version !== undefined && (await this.#load(name))?.version !== version) return false;
      return this.#directory.removeSoon(name);
    });
  }

  /** Every record that can be read. Earlier clients' file names are brought up to date on the way. */
  async *all(): AsyncIterable<FoundRecord> {
    for (const name of await this.#directory.names(".json")) {
      const found = await this.#load(name);
      if (found === undefined) continue;
      const standard = fleetFileName(found.record.reservationId);
      if (name === standard || (await this.#migrate(name, standard, found.record))) yield found;
    }
  }

  async idle(): Promise<void> {
    await this.#turns.idle();
  }

  /** @returns whether the record now stands under its name, and not beside a newer one of the same reservation. */
  #migrate(name: string, standard: string, { reservationId }: FleetRecord): Promise<boolean> {
    return this.#turns.take(standard, async () => {
      if (await this.#directory.move(name, standard)) return true;
      const newer = await this.#load(standard);
      if (newer === undefined) return this.#directory.move(name, standard);
      // Only a copy of the same reservation may go: earlier names let different reservations collide.
      if (newer.record.reservationId === reservationId) await this.#directory.remove(name);
      return false;
    });
  }

  async #load(name: string): Promise<FoundRecord | undefined> {
    const text = await this.#directory.read(name);
    if (text === undefined) return undefined;
    try {
      const record = readFleetRecord(text);
      toInstruction(record, "");
      return { record, version: versionOf(text) };
    } catch (error) {
      const reason = error instanceof SyntaxError || !(error instanceof Error) ? "it is not JSON" : error.message;
      await this.#directory.quarantine(name, reason);
      return undefined;
    }
  }
}

function versionOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
