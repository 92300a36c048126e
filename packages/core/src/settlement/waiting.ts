import type { StoredRecord } from "../records/record-store.ts";
import type { SettlementInstruction } from "../authority/settlement.ts";
import { type DeadLetter, deadLetterKeys } from "./dead-letters.ts";
import { readInstruction, settlementKeys } from "./instruction.ts";
import { letterOf } from "./read-dead-letters.ts";

/** A settlement that stands in a record store, whichever authority it is for. */
export type WaitingSettlement =
  | { readonly state: "pending"; readonly key: string; readonly instruction: SettlementInstruction }
  | { readonly state: "dead-letter"; readonly key: string; readonly letter: DeadLetter };

/** Reads a record; `undefined` for one that is no settlement, or one that this version cannot read. */
export function waitingOf({ key, value }: StoredRecord): WaitingSettlement | undefined {
  if (key.startsWith(deadLetterKeys)) return { state: "dead-letter", key, letter: letterOf(key, value) };
  const instruction = key.startsWith(settlementKeys) ? readInstruction(value) : undefined;
  return instruction && { state: "pending", key, instruction };
}
