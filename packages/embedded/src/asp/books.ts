import type { Ledger } from "../ledger/ledger.ts";
import type { EventLog } from "./event-log.ts";
import type { ResolvedAspOptions } from "./options.ts";
import type { Reservations } from "./reservations.ts";
import type { ReserveMemory } from "./reserve-memory.ts";

/**
 * What the verbs of ASP read and write. What a verb does, and the events that record it, happen in one turn; its answer
 * settles when the events are signed.
 */
export interface AspBooks {
  readonly ledger: Ledger;
  readonly options: ResolvedAspOptions;
  readonly log: EventLog;
  readonly reservations: Reservations;
  readonly memory: ReserveMemory;
}

/** Keys of the two wires are apart: a tenant may use one text on both. */
export function ledgerKey(idempotencyKey: string): string {
  return `asp:${idempotencyKey}`;
}
