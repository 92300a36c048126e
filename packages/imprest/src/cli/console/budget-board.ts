import type { Clock } from "@imprest/core";
import type { BudgetList, BudgetRow, Burn } from "../../pages/console-wire.ts";
import { bySoonest } from "../../pages/soonest.ts";
import { BurnSeries } from "./burn-series.ts";
import { exhaustsAt } from "./exhaustion.ts";
import { type SourceRow, mostBudgets } from "./source.ts";

/** Of the budgets that are shown, those that changed last are sampled. */
const mostSampled = 500;
const samples = { hour: 360, day: 288 } as const;
/** Between two samples of the hour. */
export const sampleMs = 10_000;
/** Of so many samples of the hour one is of the day. */
const hourPerDay = 30;

/** The budgets as they are now, and as they were. */
export class BudgetBoard {
  readonly #clock: Clock;
  /** The one that changed last is the last. */
  readonly #rows = new Map<string, SourceRow>();
  readonly #touched = new Set<string>();
  readonly #sent = new Map<string, string>();
  readonly #hour = new BurnSeries(samples.hour);
  readonly #day = new BurnSeries(samples.day);
  #ticks = 0;
  #isCut = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes in some budgets as they are now. */
  change(rows: readonly SourceRow[]): void {
    for (const row of rows) {
      const known = this.#rows.get(row.id);
      if (known?.spent !== row.spent || known.reserved !== row.reserved) this.#rows.delete(row.id);
      this.#rows.set(row.id, row);
      this.#touched.add(row.id);
    }
    for (const id of this.#rows.keys()) {
      if (this.#rows.size <= mostBudgets) break;
      this.#forget(id);
      this.#isCut = true;
    }
  }

  /** Takes in all budgets, or as many as there is room for; of a list that is not cut, what is missing is gone. */
  replace(rows: readonly SourceRow[], isCut: boolean): void {
    this.#isCut = isCut;
    if (!isCut) {
      const listed = new Set(rows.map(({ id }) => id));
      for (const id of this.#rows.keys()) if (!listed.has(id)) this.#forget(id);
    }
    this.change(rows);
  }

  /** Called each `sampleMs`. */
  sample(): void {
    const latest = [...this.#rows.values()].slice(-mostSampled);
    const spent = new Map(latest.map((row) => [row.id, BigInt(row.spent)]));
    const [atMs, monotonicMs] = [this.#clock.now(), this.#clock.monotonic()];
    this.#hour.sample(spent, atMs, monotonicMs);
    if (this.#ticks % hourPerDay === 0) this.#day.sample(spent, atMs, monotonicMs);
    this.#ticks += 1;
    // What runs out when is another instant now, for every budget that is being spent.
    for (const id of spent.keys()) this.#touched.add(id);
  }

  list(): BudgetList {
    return {
      rows: [...this.#rows.values()].map((row) => this.#estimated(row)).toSorted(bySoonest),
      isCut: this.#isCut,
    };
  }

  /** The rows that differ from what was last taken. */
  takeChanged(): readonly BudgetRow[] {
    const rows = [...this.#touched].flatMap((id) => {
      const known = this.#rows.get(id);
      return known === undefined ? [] : [this.#estimated(known)];
    });
    this.#touched.clear();
    return rows.filter((row) => {
      const text = JSON.stringify(row);
      if (this.#sent.get(row.id) === text) return false;
      this.#sent.set(row.id, text);
      return true;
    });
  }

  /** The budgets of a scope and of those around it, most specific first. */
  around(tenant: string, scope: string, unit: string | undefined): readonly BudgetRow[] {
    const found = [...this.#rows.values()].filter(
      (row) =>
        row.tenant === tenant &&
        (unit === undefined || row.unit === unit) &&
        (row.scope === scope || scope.startsWith(`${row.scope}/`)),
    );
    return found.toSorted((left, right) => right.scope.length - left.scope.length).map((row) => this.#estimated(row));
  }

  /** `undefined` for a budget that is not shown. */
  burn(id: string, span: Burn["span"]): Burn | undefined {
    const row = this.#rows.get(id);
    if (row === undefined) return undefined;
    const series = span === "hour" ? this.#hour : this.#day;
    const points = series.points(id).map(({ atMs, spent }) => [atMs, String(spent)] as const);
    return { id, span, unit: row.unit, points: [...points, [this.#clock.now(), row.spent]] };
  }

  #estimated(row: SourceRow): BudgetRow {
    const now = { wallMs: this.#clock.now(), monotonicMs: this.#clock.monotonic() };
    const exhaustsAtMs = exhaustsAt(row, this.#hour.points(row.id), now);
    return { ...row, ...(exhaustsAtMs !== undefined && { exhaustsAtMs }) };
  }

  #forget(id: string): void {
    this.#rows.delete(id);
    this.#touched.delete(id);
    this.#sent.delete(id);
  }
}
