import { ValidationError } from "../errors/local-errors.ts";
import type { RecordStore, RecordValue } from "../records/record-store.ts";
import { type DeadLetter, type NewDeadLetter, deadLetterKey, deadLetterPrefix } from "./dead-letters.ts";
import type { SettlingAuthority } from "../authority/authority.ts";
import type { SettlementInstruction } from "../authority/settlement.ts";
import { readAmount } from "../amount/amount-text.ts";
import { readInstruction } from "./instruction.ts";

/** Every letter of one authority, or those of one reservation, in the store's order. */
export async function* listDeadLetters(
  records: RecordStore,
  authority: SettlingAuthority,
  of?: { readonly reservationId: string },
): AsyncIterable<DeadLetter> {
  const prefix = deadLetterPrefix(authority);
  for await (const { key, value } of records.scan(of === undefined ? prefix : `${prefix}${of.reservationId}:`)) {
    const letter = letterOf(key, value);
    // One id may be the beginning of another.
    if (isOf(authority, letter) && (of === undefined || letter.reservationId === of.reservationId)) yield letter;
  }
}

/** @throws ValidationError when there is none. */
export async function readDeadLetter(
  records: RecordStore,
  authority: SettlingAuthority,
  id: string,
): Promise<DeadLetter> {
  const letter = await findDeadLetter(records, authority, id);
  if (letter === undefined) {
    throw new ValidationError("dead letter", [{ pointer: "/id", message: "names no dead letter of this authority" }]);
  }
  return letter;
}

/**
 * Whether a recorded settlement has its letter already: its process died before it could delete the record. The letter of
 * one that an operator sends again holds an earlier record's time. Times are compared for being the same alone: clocks jump.
 */
export async function isBuried(
  records: RecordStore,
  authority: SettlingAuthority,
  { reservationId, idempotencyKey, recordedAtMs, spent }: SettlementInstruction,
): Promise<boolean> {
  const refused = { reservationId, idempotencyKey, kind: "refused", spent: readAmount(spent) } as const;
  const letter = await findDeadLetter(records, authority, deadLetterKey(authority, refused));
  return letter?.instruction?.recordedAtMs === recordedAtMs;
}

/** @returns whether there was one. */
export async function discardDeadLetter(
  records: RecordStore,
  authority: SettlingAuthority,
  id: string,
): Promise<boolean> {
  return (await findDeadLetter(records, authority, id)) !== undefined && (await records.delete(id));
}

async function findDeadLetter(
  records: RecordStore,
  authority: SettlingAuthority,
  id: string,
): Promise<DeadLetter | undefined> {
  const found = id.startsWith(deadLetterPrefix(authority)) ? await records.read(id) : undefined;
  const letter = found && letterOf(found.key, found.value);
  return letter && isOf(authority, letter) ? letter : undefined;
}

/** Whether a letter under the authority's prefix is its own; one that says nothing of it, as an unreadable one, counts. */
function isOf({ target }: SettlingAuthority, letter: DeadLetter): boolean {
  return letter.target === undefined || letter.target === target;
}

/** A letter that cannot be read is shown as such: one damaged record must not hide the others. */
export function letterOf(id: string, value: RecordValue): DeadLetter {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  const { spent, estimate, instruction, ...letter } = (isRecord ? value : {}) as Record<string, RecordValue>;
  const readable = [letter["kind"], letter["protocol"], letter["reservationId"]].every(
    (text) => typeof text === "string",
  );
  if (!readable) return { ...unreadable, id, found: value };
  return {
    ...(letter as unknown as NewDeadLetter),
    id,
    spent: readAmount(spent),
    estimate: readAmount(estimate),
    instruction: readInstruction(instruction),
  };
}

const unreadable: NewDeadLetter = {
  kind: "malformed",
  protocol: "",
  reservationId: "",
  idempotencyKey: "",
  recordedAtMs: 0,
  reason: "The dead letter itself cannot be read.",
};
