import type { Clock } from "../platform/clock.ts";
import type { RecordStore, RecordValue } from "../records/record-store.ts";
import type { Settling } from "../authority/authority.ts";
import type { SettlementTask } from "./delivery.ts";
import { readSettling, settlingKey, writeSettling } from "./instruction.ts";

/** What `Retry-After` is held to. */
const longestWaitMs = 3_600_000;

/** The records of running settlements. Several workers may hold the same one; whichever settles it ends it. */
export class SettlementRecords {
  readonly #records: RecordStore;
  readonly #clock: Clock;

  constructor(records: RecordStore, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
  }

  /** Writes the record of a new task. @throws what the store throws, and Error when its place is taken. */
  async record(task: SettlementTask): Promise<void> {
    const { key } = task;
    task.version = await this.#records.create(key, writeSettling(task.settling));
    if (task.version !== undefined) return;
    // Left by an earlier run of the same job: when it is the same settlement it is taken over, as old as it is.
    const existing = await this.#records.read(key);
    const recorded = existing && readSettling(existing.value);
    if (recorded && settlingKey(recorded) === key) {
      task.settling = this.withinReach(recorded);
      task.version = existing?.version;
      return;
    }
    task.ownsRecord = false;
    throw new Error("the place of the record is taken by something else");
  }

  /** Writes down what has changed: the mode, the not-before. @throws what the store throws. */
  async rewrite(task: SettlementTask): Promise<void> {
    if (!task.ownsRecord) return;
    const { key } = task;
    const value = writeSettling(task.settling);
    if (task.version === undefined) {
      task.version = await this.#records.create(key, value);
      return;
    }
    // Another worker may replay the same record meanwhile, and have changed it or settled it.
    const version = await this.#records.replace(key, value, task.version);
    task.version = version ?? (await this.#replaceLatest(key, value));
    task.ownsRecord = task.version !== undefined;
  }

  /** No authority asks for a longer wait, so a later time is a damaged record's or another clock's. */
  withinReach(settling: Settling): Settling {
    return { ...settling, notBeforeMs: Math.min(settling.notBeforeMs, this.#clock.now() + longestWaitMs) };
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
