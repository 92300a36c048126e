import {
  type Attempt as SettleAttempt,
  type AuthoritySource,
  type CallOptions,
  type Environment,
  type RecordStore,
  type SettlementInstruction,
  type SettlingAuthority,
  type SpendAuthority,
  memoryRecordStore,
  systemClock,
} from "@imprest/core";
import { authorityOf } from "@imprest/core/internal";
import { CyclesBudget, isCycles } from "./budget/cycles-budget.ts";
import type { PaymentBudget } from "./budget/payment-budget.ts";
import { PortBudget } from "./budget/port-budget.ts";
import { PaymentLedger } from "./ledger/ledger.ts";
import { ofProcess } from "./worker.ts";

/**
 * The payments of one authority and one store: their ledger, and the queue of their settlements
 * (`settlementQueue(paymentAuthority(source))`). It opens no reservation of core's: `withReservation`, `guard` and
 * `openPayment` of this package do.
 */
export class PaymentAuthority implements SettlingAuthority {
  readonly protocol: string;
  readonly durable = true;
  // A payment's own record says what is to be settled.
  readonly recordsSettlements = true;
  readonly target: string;
  readonly environment: Environment;
  /** The authority that keeps the budget. */
  readonly source: SpendAuthority;
  readonly budget: PaymentBudget;
  readonly ledger: PaymentLedger;
  readonly #housekeeping = new Set<Promise<unknown>>();

  readonly extend?: NonNullable<SettlingAuthority["extend"]>;

  constructor(source: SpendAuthority, records: RecordStore) {
    const budget = budgetOf(source);
    const { clock = systemClock, random } = budget.environment ?? {};
    this.source = source;
    this.budget = budget;
    this.protocol = budget.protocol;
    this.target = budget.target;
    if (budget.extend) this.extend = budget.extend.bind(budget);
    this.environment = { ...budget.environment, records };
    this.ledger = new PaymentLedger(records, budget.target, clock, random);
  }

  /** Claims of the payments that run in this process: none of them is taken for dead, whatever the clocks say. */
  get live(): Set<string> {
    return ofProcess("claims");
  }

  get dedupeHorizonMs(): SettlingAuthority["dedupeHorizonMs"] {
    return this.budget.dedupeHorizonMs;
  }

  settle(instruction: SettlementInstruction, options?: CallOptions): Promise<SettleAttempt> {
    return this.budget.settle(instruction, options);
  }

  /** Keeps a write that nobody waits for, for `idle`. */
  track(write: Promise<unknown>): void {
    const tracked: Promise<unknown> = write.finally(() => this.#housekeeping.delete(tracked));
    this.#housekeeping.add(tracked);
  }

  /** Resolves when no write is under way: before the store is closed. */
  async idle(): Promise<void> {
    while (this.#housekeeping.size > 0) await Promise.all(this.#housekeeping);
  }
}

/** An authority whose budget pays, or a client that has one: a Cycles server, or any of core's port that counts in dollars. */
export type PaymentSource = AuthoritySource;

const authorities = new WeakMap<SpendAuthority, WeakMap<RecordStore, PaymentAuthority>>();
const memories = new WeakMap<SpendAuthority, RecordStore>();

/**
 * The one payment authority of a budget and a store: for its queue (`settlementQueue`), its dead letters, and its ledger.
 * @param records where claims and phases are kept; without it those of the authority's environment, and without either
 * memory, which forgets every consumed mandate when the process ends.
 * @example
 * const queue = settlementQueue(paymentAuthority(authority, records));
 * for await (const letter of queue.deadLetters.list()) console.log(letter.kind, letter.spent, letter.reason);
 */
export function paymentAuthority(source: PaymentSource, records?: RecordStore): PaymentAuthority {
  const authority = authorityOf(source);
  const store = records ?? authority.environment?.records ?? remember(memories, authority, memoryRecordStore);
  const known = remember(authorities, authority, () => new WeakMap<RecordStore, PaymentAuthority>());
  return remember(known, store, () => new PaymentAuthority(authority, store));
}

function budgetOf(authority: SpendAuthority): PaymentBudget {
  return isCycles(authority) ? new CyclesBudget(authority) : new PortBudget(authority);
}

function remember<Key extends object, Value>(known: WeakMap<Key, Value>, key: Key, create: () => Value): Value {
  const found = known.get(key) ?? create();
  known.set(key, found);
  return found;
}
