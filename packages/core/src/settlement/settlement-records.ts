import type { Clock } from "../platform/clock.ts";
import type { RecordStore, RecordValue } from "../records/record-store.ts";
import type { SettlementInstruction } from "../authority/settlement.ts";
import { readInstruction, instructionKey, writeInstruction } from "./instruction.ts";

/** What `Retry-After` is held to. */
const longestWaitMs = 3_600_000;

/** An instruction and what is known of its record; `SettlementRecords` keeps all but the key up to date. */
export interface RecordedInstruction {
  readonly key: string;
  instruction: SettlementInstruction;
  /** The version of its record; `undefined` while it could not be recorded. */
  version: string | undefined;
  /** False when its record is not for it to write: the key is another settlement's, or another worker has settled. */
  ownsRecord: boolean;
}

/** The records of running settlements. Several workers may hold the same one; whichever settles it ends it. */
export class SettlementRecords {
  readonly #records: RecordStore;
  readonly #clock: Clock;

  constructor(records: RecordStore, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
  }

  /** Writes the record of a new delivery. @throws what the store throws, and Error when its place is taken. */
  async record(delivery: RecordedInstruction): Promise<void> {
    const { key } = delivery;
    delivery.version = await this.#records.create(key, writeInstruction(delivery.instruction));
    if (delivery.version !== undefined) return;
    // Left by an earlier run of the same job: when it is the same settlement it is taken over, as old as it is.
    const existing = await this.#records.read(key);
    const recorded = existing && readInstruction(existing.value);
    if (recorded && instructionKey(recorded) === key) {
      delivery.instruction = this.withinReach(recorded);
      delivery.version = existing?.version;
      return;
    }
    delivery.ownsRecord = false;
    throw new Error("the place of the record is taken by something else");
  }

  /** Writes down what has changed: the mode, the not-before. @throws what the store throws. */
  async rewrite(delivery: RecordedInstruction): Promise<void> {
    if (!delivery.ownsRecord) return;
    const { key } = delivery;
    const value = writeInstruction(delivery.instruction);
    if (delivery.version === undefined) {
      delivery.version = await this.#records.create(key, value);
      return;
    }
    // Another worker may replay the same record meanwhile, and have changed it or settled it.
    const version = await this.#records.replace(key, value, delivery.version);
    delivery.version = version ?? (await this.#replaceLatest(key, value));
    delivery.ownsRecord = delivery.version !== undefined;
  }

  /** No authority asks for a longer wait, so a later time is a damaged record's or another clock's. */
  withinReach(instruction: SettlementInstruction): SettlementInstruction {
    return { ...instruction, notBeforeMs: Math.min(instruction.notBeforeMs, this.#clock.now() + longestWaitMs) };
  }

  /** @returns the new version, or `undefined` when the record is gone: it was settled elsewhere and must stay gone. */
  async #replaceLatest(key: string, value: RecordValue): Promise<string | undefined> {
    for (;;) {
      const latest = await this.#records.read(key);
      if (latest === undefined) return undefined;
      const version = await this.#records.replace(key, value, latest.version);
      if (version !== undefined) return version;
    }
  }
}
