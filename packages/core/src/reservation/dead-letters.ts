import type { Amount } from "../amount/amount.ts";
import { ValidationError } from "../errors/local-errors.ts";
import type { RecordStore, RecordValue } from "../records/record-store.ts";
import type { Settlement, Settling } from "./port.ts";
import { readAmount, readSettling, writeSettling } from "./settling-record.ts";

/** Why money that was, or may have been, spent is not in the authority's books. */
export type DeadLetterKind =
  /** The authority refused the commit for good. */
  | "refused"
  /** The guarded call ended and nothing says what it cost. */
  | "spend-unknown"
  /** `failOpen` let the call run without a reservation. */
  | "bypass"
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
  readonly settling?: Settling | undefined;
  /** The unreadable record. */
  readonly found?: RecordValue | undefined;
}

/** The dead letters of one authority. */
export interface DeadLetters {
  /** Every dead letter, in the store's order. */
  list(): AsyncIterable<DeadLetter>;
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

/** The letters of one authority in its record store. */
export class DeadLetterRecords {
  readonly #records: RecordStore;
  readonly #prefix: string;

  constructor(records: RecordStore, protocol: string, target: string) {
    this.#records = records;
    this.#prefix = `dead-letter:${protocol}:${target}:`;
  }

  /** Writes a letter, over an earlier one of the same spend. Rejects as the store does. */
  async write(letter: NewDeadLetter): Promise<DeadLetter> {
    const id = this.#idOf(letter);
    const value = toRecord(letter);
    for (;;) {
      if ((await this.#records.create(id, value)) !== undefined) return { id, ...letter };
      const existing = await this.#records.read(id);
      if (existing && (await this.#records.replace(id, value, existing.version))) return { id, ...letter };
    }
  }

  /** Deletes a letter that `write` wrote. */
  async remove(letter: NewDeadLetter): Promise<void> {
    await this.#records.delete(this.#idOf(letter));
  }

  /** A bypass is one letter that grows; every other spend is a letter of its own, or the sum would not be what was paid. */
  #idOf({ reservationId, idempotencyKey, kind, spent }: NewDeadLetter): string {
    const what = kind === "bypass" || spent === undefined ? kind : `spent:${spent.amount}`;
    return `${this.#prefix}${reservationId}:${idempotencyKey}:${what}`;
  }

  async *list(): AsyncIterable<DeadLetter> {
    for await (const { key, value } of this.#records.scan(this.#prefix)) yield fromRecord(key, value);
  }

  /** @throws ValidationError when there is none. */
  async read(id: string): Promise<DeadLetter> {
    const found = id.startsWith(this.#prefix) ? await this.#records.read(id) : undefined;
    if (found === undefined) {
      throw new ValidationError("dead letter", [{ pointer: "/id", message: "names no dead letter of this authority" }]);
    }
    return fromRecord(found.key, found.value);
  }

  discard(id: string): Promise<boolean> {
    return id.startsWith(this.#prefix) ? this.#records.delete(id) : Promise.resolve(false);
  }
}

function toRecord({ spent, estimate, settling, found, ...letter }: NewDeadLetter): RecordValue {
  return {
    ...letter,
    ...(spent && { spent: { unit: spent.unit, amount: spent.amount.toString() } }),
    ...(estimate && { estimate: { unit: estimate.unit, amount: estimate.amount.toString() } }),
    ...(settling && { settling: writeSettling(settling) }),
    ...(found !== undefined && { found }),
  };
}

/** A letter that cannot be read is shown as such: one damaged record must not hide the others. */
function fromRecord(id: string, value: RecordValue): DeadLetter {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  const { spent, estimate, settling, ...letter } = (isRecord ? value : {}) as Record<string, RecordValue>;
  const readable = [letter["kind"], letter["protocol"], letter["reservationId"]].every(
    (text) => typeof text === "string",
  );
  if (!readable) return { ...unreadable, id, found: value };
  return {
    ...(letter as unknown as NewDeadLetter),
    id,
    spent: readAmount(spent),
    estimate: readAmount(estimate),
    settling: settling === undefined ? undefined : readSettling(settling),
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
