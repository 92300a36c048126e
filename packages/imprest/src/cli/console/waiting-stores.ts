import type { Clock } from "@imprest/core";
import { type WaitingSettlement, waitingOf } from "@imprest/core/internal";
import { scanRecords } from "@imprest/core/node";
import { printable } from "../printable.ts";
import type { WaitingList, WaitingRow } from "../../pages/console-wire.ts";
import { bounded, moneyOf } from "./bounded.ts";
import { poll } from "./poll.ts";

/** More than anybody clears up by hand. */
const mostRows = 500;
const everyMs = 5_000;

/** The record stores that were given: what waits in them is read again and again, and nothing in them is changed. */
export class WaitingStores {
  readonly #paths: readonly string[];
  #list: WaitingList = { rows: [], isCut: false, failures: [] };

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** As it was last read. */
  get list(): WaitingList {
    return this.#list;
  }

  /** Reads, and goes on reading until the returned function is called; calls back with what is another list than before. */
  follow(clock: Clock, changed: (list: WaitingList) => void): () => void {
    const read = async (): Promise<void> => {
      const before = JSON.stringify(this.#list);
      this.#list = await readAll(this.#paths);
      if (JSON.stringify(this.#list) !== before) changed(this.#list);
    };
    return poll({ clock, everyMs, read, polled: () => {} });
  }
}

async function readAll(paths: readonly string[]): Promise<WaitingList> {
  let rows: WaitingRow[] = [];
  const failures: { readonly store: string; readonly message: string }[] = [];
  let found = 0;
  for (const store of paths) {
    try {
      for await (const record of scanRecords(store)) {
        const waiting = waitingOf(record);
        if (waiting === undefined) continue;
        rows.push(rowOf(waiting, store));
        if (rows.length >= 2 * mostRows) rows = oldest(rows);
        found += 1;
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : "It cannot be read.";
      failures.push({ store, message: bounded(printable(message)) });
    }
  }
  return { rows: oldest(rows), isCut: found > mostRows, failures };
}

/** What has waited longest is what somebody should look at. */
function oldest(rows: readonly WaitingRow[]): WaitingRow[] {
  return rows.toSorted((one, other) => one.sinceMs - other.sinceMs).slice(0, mostRows);
}

function rowOf(waiting: WaitingSettlement, store: string): WaitingRow {
  const { state, key } = waiting;
  if (waiting.state === "pending") {
    const { protocol, target, reservationId, recordedAtMs: sinceMs, spent } = waiting.instruction;
    const row = { state, key: bounded(key), protocol: bounded(protocol), target: bounded(target), store, sinceMs };
    return { ...row, reservationId: bounded(reservationId), ...(spent !== undefined && { amount: moneyOf(spent) }) };
  }
  const { kind, protocol, target = "", reservationId, recordedAtMs: sinceMs, reason, spent, estimate } = waiting.letter;
  const amount = spent ?? estimate;
  return {
    state,
    key: bounded(key),
    protocol: bounded(protocol),
    target: bounded(target),
    store,
    sinceMs,
    ...(reservationId !== "" && { reservationId: bounded(reservationId) }),
    ...(amount !== undefined && { amount: moneyOf(amount) }),
    error: { code: bounded(kind), message: bounded(reason) },
  };
}
