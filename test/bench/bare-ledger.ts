/** What the books cannot do without: a sum held against each budget, then spent. The raw baseline of the ledger. */
export class BareLedger {
  readonly #budgets = new Map<string, { readonly allocated: bigint; reserved: bigint; spent: bigint }>();
  readonly #held = new Map<string, { readonly scopes: readonly string[]; readonly amount: bigint }>();
  #ids = 0;

  createBudget(scope: string, allocated: bigint): void {
    this.#budgets.set(scope, { allocated, reserved: 0n, spent: 0n });
  }

  reserve(scopes: readonly string[], amount: bigint): string {
    const budgets = scopes.map((scope) => this.#budgetOf(scope));
    if (budgets.some(({ allocated, reserved, spent }) => allocated - reserved - spent < amount)) {
      throw new Error("The benchmark's reserve was denied.");
    }
    for (const budget of budgets) budget.reserved += amount;
    const id = `rsv_${(this.#ids += 1)}`;
    this.#held.set(id, { scopes, amount });
    return id;
  }

  commit(id: string, actual: bigint): void {
    const held = this.#held.get(id);
    if (held === undefined) throw new Error(`There is no reservation ${id}.`);
    this.#held.delete(id);
    for (const scope of held.scopes) {
      const budget = this.#budgetOf(scope);
      budget.reserved -= held.amount;
      budget.spent += actual;
    }
  }

  #budgetOf(scope: string) {
    const budget = this.#budgets.get(scope);
    if (budget === undefined) throw new Error(`There is no budget ${scope}.`);
    return budget;
  }
}
