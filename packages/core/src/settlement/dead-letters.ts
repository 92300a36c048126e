import type { Amount } from "../amount/amount.ts";
import type { RecordStore, RecordValue } from "../records/record-store.ts";
import type { SettlingAuthority } from "../authority/authority.ts";
import type { Settlement, SettlementInstruction } from "../authority/settlement.ts";
import { writeAmount } from "../amount/amount-text.ts";
import { writeInstruction } from "./instruction.ts";

/** Why money that was, or may have been, spent is not in the authority's books. */
export type DeadLetterKind =
  /** The authority refused the commit for good. */
  | "refused"
  /** The guarded call ended and nothing says what it cost. */
  | "spend-unknown"
  /** `failOpen` let the call run without a reservation. */
  | "bypass"
  /** A spend that was stated after its reservation had ended. */
  | "late"
  /** Too old to be sent again without the risk of a second charge. */
  | "too-old"
  /** A record that cannot be read; kept as it was found. */
  | "malformed";

/** One entry for an operator: the ledger plus the dead letters is what was paid. */
export interface DeadLetter {
  /** Its key in the record store. */
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly protocol: string;
  /** Which server and principal it belongs to: one target may be the beginning of another, and so of its keys. */
  readonly target?: string | undefined;
  readonly reservationId: string;
  readonly idempotencyKey: string;
  /** Epoch milliseconds. */
  readonly recordedAtMs: number;
  /** What happened, in words. */
  readonly reason: string;
  /** What was spent, where that is known. */
  readonly spent?: Amount | undefined;
  /** What was reserved or would have been. */
  readonly estimate?: Amount | undefined;
  /** The settlement that could be sent again. */
  readonly instruction?: SettlementInstruction | undefined;
  /** The unreadable record. */
  readonly found?: RecordValue | undefined;
}

/** The dead letters of one authority. */
export interface DeadLetters {
  /** Every dead letter, or those of one reservation, in the store's order. */
  list(of?: { readonly reservationId: string }): AsyncIterable<DeadLetter>;
  /**
   * An operator's word to send a refused settlement once more, under its own key.
   * @throws ValidationError when there is no such letter; SettlementError when nothing in it can be sent.
   */
  retry(id: string): Promise<Settlement>;
  /** Forgets a letter. @returns whether there was one. */
  discard(id: string): Promise<boolean>;
}

/** The fields of a letter that is being written. */
export type NewDeadLetter = Omit<DeadLetter, "id">;

/** A letter as it is stored: it says whose it is. */
export type OwnedDeadLetter = NewDeadLetter & { readonly target: string };

/** What the key of every dead letter begins with, whichever authority it is of. */
export const deadLetterKeys = "dead-letter:";

/** Where the letters of one authority stand in a store. */
export function deadLetterPrefix({ protocol, target }: SettlingAuthority): string {
  return `${deadLetterKeys}${protocol}:${target}:`;
}

/** A bypass, and what is stated late, is one letter that grows; every other spend is a letter of its own, or the sum would not be what was paid. */
export function deadLetterKey(
  authority: SettlingAuthority,
  {
    reservationId,
    idempotencyKey,
    kind,
    spent,
  }: Pick<NewDeadLetter, "reservationId" | "idempotencyKey" | "kind" | "spent">,
): string {
  const grows = kind === "bypass" || kind === "late";
  const what = grows || spent === undefined ? kind : `spent:${spent.amount}`;
  return `${deadLetterPrefix(authority)}${reservationId}:${idempotencyKey}:${what}`;
}

/** Writes a letter, over an earlier one of the same spend. Rejects as the store does. */
export async function writeDeadLetter(records: RecordStore, key: string, letter: OwnedDeadLetter): Promise<void> {
  const value = toRecord(letter);
  for (;;) {
    if ((await records.create(key, value)) !== undefined) return;
    const existing = await records.read(key);
    if (existing && (await records.replace(key, value, existing.version))) return;
  }
}

function toRecord({ spent, estimate, instruction, found, ...letter }: OwnedDeadLetter): RecordValue {
  return {
    ...letter,
    ...(spent && { spent: { ...writeAmount(spent) } }),
    ...(estimate && { estimate: { ...writeAmount(estimate) } }),
    ...(instruction && { instruction: writeInstruction(instruction) }),
    ...(found !== undefined && { found }),
  };
}
