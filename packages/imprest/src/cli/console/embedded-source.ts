import { type Clock, type Subject, type Timer, systemClock } from "@imprest/core";
import type { ReservationEvidence } from "@imprest/core/models/cycles";
import { type BudgetBalance, type Fact, type FactListener, LedgerRefusal, type TenantInfo } from "@imprest/embedded";
import { activityOfFact } from "./activity-of-fact.ts";
import { bounded, evidenceUrlsOf } from "./bounded.ts";
import { poll } from "./poll.ts";
import {
  type ConsoleSource,
  type SourceListener,
  type SourceReservation,
  type SourceRow,
  budgetId,
  mostBudgets,
} from "./source.ts";

/** What the console needs of a ledger in this process. */
export interface WatchedLedger {
  readonly tenants: { list(): Promise<readonly TenantInfo[]> };
  readonly budgets: {
    list(request: { scope: Subject; tenant: string; limit: number }): Promise<readonly BudgetBalance[]>;
    get(address: { scope: Subject; tenant: string; unit: string }): Promise<BudgetBalance>;
  };
  /** There where evidence is signed. */
  readonly evidence?: { ofReservation(id: string): Promise<ReservationEvidence | undefined> } | undefined;
}

/** Time changes budgets too: windows slide, and nothing is emitted of that. */
const listMs = 10_000;

/** How long changes of budgets are gathered: one read of each then. */
const gatherMs = 200;

interface Address {
  readonly tenant: string;
  readonly scope: string;
  readonly unit: string;
}

/** The ledger of this process. It is made with `onFact`, and then given to `open`. */
export class EmbeddedSource implements ConsoleSource {
  readonly authority: ConsoleSource["authority"];
  readonly live = "pushed";
  readonly seesDenials = true;
  readonly #clock: Clock;
  readonly #changed = new Map<string, Address>();
  #ledger: WatchedLedger | undefined;
  #listener: SourceListener | undefined;
  #timer: Timer | undefined;

  constructor(target: string, clock: Clock = systemClock) {
    this.authority = { kind: "embedded", target };
    this.#clock = clock;
  }

  /** For the option of the ledger's authority. */
  readonly onFact: FactListener = (fact, moment) => {
    const listener = this.#listener;
    if (listener === undefined) return;
    const activity = activityOfFact(fact, moment);
    if (activity !== undefined) listener.happened([activity]);
    this.#note(fact);
  };

  open(ledger: WatchedLedger): void {
    this.#ledger = ledger;
  }

  follow(listener: SourceListener): () => void {
    this.#listener = listener;
    const stopPolling = poll({
      clock: this.#clock,
      everyMs: listMs,
      read: async (signal) => {
        const { rows, isCut } = await this.#list(signal);
        listener.listed(rows, isCut);
      },
      polled: listener.polled,
    });
    return () => {
      this.#listener = undefined;
      this.#timer?.clear();
      this.#timer = undefined;
      stopPolling();
    };
  }

  /** What happened to a reservation is all in the activities; the ledger adds what it signed. */
  async reservation(id: string): Promise<SourceReservation | undefined> {
    const evidence = evidenceUrlsOf(await this.#opened().evidence?.ofReservation(id));
    return evidence.length === 0 ? undefined : { traceIds: [], evidence };
  }

  async #list(signal: AbortSignal): Promise<{ readonly rows: readonly SourceRow[]; readonly isCut: boolean }> {
    const { tenants, budgets } = this.#opened();
    const rows: SourceRow[] = [];
    for (const { name: tenant } of await tenants.list()) {
      signal.throwIfAborted();
      // One more than there is room for says that there are more.
      const limit = mostBudgets + 1 - rows.length;
      rows.push(...(await budgets.list({ scope: {}, tenant, limit })).map(rowOf));
      if (rows.length > mostBudgets) return { rows: rows.slice(0, mostBudgets), isCut: true };
    }
    return { rows, isCut: false };
  }

  #opened(): WatchedLedger {
    if (this.#ledger === undefined) throw new Error("The ledger is not open yet.");
    return this.#ledger;
  }

  /** A movement changes the budgets of its scope and of every one around it. */
  #note(fact: Fact): void {
    if (!("unit" in fact)) return;
    const { tenant, scope, unit } = fact;
    for (let end = scope.length; end > 0; end = scope.lastIndexOf("/", end - 1)) {
      const around = scope.slice(0, end);
      this.#changed.set(`${tenant} ${around} ${unit}`, { tenant, scope: around, unit });
      if (this.#changed.size > mostBudgets) this.#changed.delete(this.#changed.keys().next().value ?? "");
    }
    this.#timer ??= this.#clock.setTimer(() => void this.#read(), gatherMs);
  }

  async #read(): Promise<void> {
    const addresses = [...this.#changed.values()];
    this.#changed.clear();
    this.#timer = undefined;
    const { budgets } = this.#opened();
    try {
      const read = async ({ tenant, scope, unit }: Address): Promise<SourceRow[]> => {
        try {
          return [rowOf(await budgets.get({ scope: subjectOf(scope), tenant, unit }))];
        } catch (error) {
          // Most scopes have no budget of their own.
          if (LedgerRefusal.isInstance(error)) return [];
          throw error;
        }
      };
      const rows = (await Promise.all(addresses.map(read))).flat();
      this.#listener?.changed(rows);
    } catch {
      // The ledger has failed or is closed: the next poll reports it.
    }
  }
}

function subjectOf(scope: string): Subject {
  return Object.fromEntries(scope.split("/").map((level) => level.split(":", 2)));
}

function rowOf(balance: BudgetBalance): SourceRow {
  const { tenant, scopePath: scope, unit, status, isOverLimit, period, overdraftLimit } = balance;
  const { allocated, spent, reserved, debt, remaining } = balance;
  return {
    id: budgetId(tenant, scope, unit),
    tenant,
    scope: bounded(scope),
    unit,
    allocated: String(allocated),
    spent: String(spent),
    reserved: String(reserved),
    debt: String(debt),
    remaining: String(remaining),
    overdraftLimit: String(overdraftLimit),
    status,
    isOverLimit,
    ...(period !== undefined && { period: { startsAtMs: period.startsAtMs, endsAtMs: period.endsAtMs } }),
  };
}
