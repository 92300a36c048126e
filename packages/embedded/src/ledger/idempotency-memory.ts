import type { BudgetBalance } from "./budget.ts";
import { flatText } from "./flat-text.ts";
import type { EventOutcome, Evaluation } from "./outcomes.ts";
import { LedgerRefusal } from "./refusal.ts";
import type { Reservation } from "./reservation.ts";

/** What is remembered of each operation. Commit, release and extend are remembered by their reservation. */
export interface Outcomes {
  /** A live reserve, or a dry run or a policy's denial at the same endpoint. */
  readonly reserve: Reservation | Evaluation;
  readonly decide: Evaluation;
  readonly event: EventOutcome;
  readonly fund: BudgetBalance;
}

export type Operation = keyof Outcomes;

/** One remembered outcome, under `keyOf` its origin. */
export interface Remembered<Kind extends Operation = Operation> {
  readonly tenant: string;
  readonly operation: Kind;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly outcome: Outcomes[Kind];
  readonly atMs: number;
}

/** A tenant's name holds no space, so that no two origins share a key. */
export function keyOf(tenant: string, operation: Operation, idempotencyKey: string): string {
  return flatText([operation, " ", tenant, " ", idempotencyKey]);
}

/** Outcomes by (tenant, operation, idempotency key) (Cycles §IDEMPOTENCY). */
export class IdempotencyMemory {
  readonly #remembered = new Map<string, Remembered>();

  get size(): number {
    return this.#remembered.size;
  }

  /**
   * The outcome of the first request under this key.
   * @throws LedgerRefusal IDEMPOTENCY_MISMATCH when that request said something else.
   */
  recall<Kind extends Operation>(
    tenant: string,
    operation: Kind,
    idempotencyKey: string,
    fingerprint: string,
  ): Outcomes[Kind] | undefined {
    const remembered = this.#remembered.get(keyOf(tenant, operation, idempotencyKey));
    if (remembered === undefined) return undefined;
    assertSamePayload(remembered.fingerprint, fingerprint);
    // The key holds the operation, so the outcome is that operation's.
    return remembered.outcome as Outcomes[Kind];
  }

  /** The outcome under a key, whatever its payload was. */
  find(tenant: string, operation: Operation, idempotencyKey: string): Remembered | undefined {
    return this.#remembered.get(keyOf(tenant, operation, idempotencyKey));
  }

  remember(remembered: Remembered): void {
    this.#remembered.set(keyOf(remembered.tenant, remembered.operation, remembered.idempotencyKey), remembered);
  }

  forget(tenant: string, operation: Operation, idempotencyKey: string): void {
    this.#remembered.delete(keyOf(tenant, operation, idempotencyKey));
  }
}

/** @throws LedgerRefusal IDEMPOTENCY_MISMATCH when the fingerprints differ. */
export function assertSamePayload(first: string, second: string): void {
  if (first === second) return;
  throw new LedgerRefusal(
    "IDEMPOTENCY_MISMATCH",
    "The idempotency key was used before with another payload; mint a new key for a new operation.",
  );
}
