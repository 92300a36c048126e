import type { BudgetBalance } from "./budget.ts";
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

/** One remembered outcome and its origin. */
export interface Remembered<Kind extends Operation = Operation> {
  readonly tenant: string;
  readonly operation: Kind;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly outcome: Outcomes[Kind];
  readonly atMs: number;
}

/** The origin as one text. A tenant's name holds no space, so no two origins share one. */
export function keyOf({ operation, tenant, idempotencyKey }: Remembered): string {
  return `${operation} ${tenant} ${idempotencyKey}`;
}

/** Outcomes by (tenant, operation, idempotency key) (Cycles §IDEMPOTENCY). */
export class IdempotencyMemory {
  /** By operation and tenant, then by key: looking one up builds no text. */
  readonly #remembered: Readonly<Record<Operation, Map<string, Map<string, Remembered>>>> = {
    reserve: new Map(),
    decide: new Map(),
    event: new Map(),
    fund: new Map(),
  };

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
    const remembered = this.find(tenant, operation, idempotencyKey);
    if (remembered === undefined) return undefined;
    assertSamePayload(remembered.fingerprint, fingerprint);
    // It was found under its operation, so the outcome is that operation's.
    return remembered.outcome as Outcomes[Kind];
  }

  /** The outcome under a key, whatever its payload was. */
  find(tenant: string, operation: Operation, idempotencyKey: string): Remembered | undefined {
    return this.#remembered[operation].get(tenant)?.get(idempotencyKey);
  }

  remember(remembered: Remembered): void {
    const { tenant, operation, idempotencyKey } = remembered;
    let byKey = this.#remembered[operation].get(tenant);
    if (byKey === undefined) {
      byKey = new Map();
      this.#remembered[operation].set(tenant, byKey);
    }
    byKey.set(idempotencyKey, remembered);
  }

  forget(tenant: string, operation: Operation, idempotencyKey: string): void {
    this.#remembered[operation].get(tenant)?.delete(idempotencyKey);
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
