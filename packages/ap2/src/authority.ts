import {
  type Attempt as SettleAttempt,
  type CallOptions,
  type Environment,
  type Grant,
  type Lease,
  type RecordStore,
  type SettlementInstruction,
  type SettlingAuthority,
  memoryRecordStore,
} from "@imprest/core";
import { authorityOf } from "@imprest/core/internal";
import type { CyclesAuthority, CyclesSource } from "@imprest/cycles";
import { PaymentLedger } from "./ledger/ledger.ts";

/**
 * The payments of one authority and one store: their ledger, and the queue of their settlements
 * (`settlementQueue(paymentAuthority(source))`). It opens no reservation of core's: `withReservation`, `guard` and
 * `openPayment` of this package do.
 */
export class PaymentAuthority implements SettlingAuthority {
  // The settlements are Cycles settlements to the byte: whoever serves that server can finish them.
  readonly protocol = "cycles";
  readonly durable = true;
  // A payment's own record says what is to be settled.
  readonly recordsSettlements = true;
  readonly target: string;
  readonly dedupeHorizonMs: Readonly<Record<string, number>>;
  readonly environment: Environment;
  readonly cycles: CyclesAuthority;
  readonly ledger: PaymentLedger;
  /** Claims of the payments that run in this process: none of them is taken for dead, whatever the clocks say. */
  readonly live: Set<string> = new Set();
  readonly #housekeeping = new Set<Promise<void>>();

  constructor(cycles: CyclesAuthority, records: RecordStore) {
    const { clock, random } = cycles.environment;
    this.cycles = cycles;
    this.target = cycles.target;
    this.dedupeHorizonMs = cycles.dedupeHorizonMs;
    this.environment = { ...cycles.environment, records };
    this.ledger = new PaymentLedger(records, cycles.target, clock, random);
  }

  extend(
    grant: Grant,
    by: { readonly ms: number; readonly idempotencyKey: string },
    options?: CallOptions,
  ): Promise<Lease> {
    return this.cycles.extend(grant, by, options);
  }

  settle(instruction: SettlementInstruction, options?: CallOptions): Promise<SettleAttempt> {
    return this.cycles.settle(instruction, options);
  }

  /** Keeps a write that nobody waits for, for `idle`. */
  track(write: Promise<void>): void {
    const tracked: Promise<void> = write.finally(() => this.#housekeeping.delete(tracked));
    this.#housekeeping.add(tracked);
  }

  /** Resolves when no write is under way: before the store is closed. */
  async idle(): Promise<void> {
    while (this.#housekeeping.size > 0) await Promise.all(this.#housekeeping);
  }
}

const authorities = new WeakMap<CyclesAuthority, WeakMap<RecordStore, PaymentAuthority>>();
const memories = new WeakMap<CyclesAuthority, RecordStore>();

/**
 * The one payment authority of a client and a store: for its queue (`settlementQueue`), its dead letters, and its ledger.
 * @param records where claims and phases are kept; without it those of the authority's environment, and without either
 * memory, which forgets every consumed mandate when the process ends.
 */
export function paymentAuthority(source: CyclesSource, records?: RecordStore): PaymentAuthority {
  const cycles = authorityOf(source);
  const store = records ?? cycles.environment.records ?? remember(memories, cycles, memoryRecordStore);
  const known = remember(authorities, cycles, () => new WeakMap<RecordStore, PaymentAuthority>());
  return remember(known, store, () => new PaymentAuthority(cycles, store));
}

function remember<Key extends object, Value>(known: WeakMap<Key, Value>, key: Key, create: () => Value): Value {
  const found = known.get(key) ?? create();
  known.set(key, found);
  return found;
}
