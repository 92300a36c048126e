import { type BudgetRow, bySoonest } from "imprest/internal";

/** A budget at its place in the tree of scopes. */
export interface TreeRow {
  readonly budget: BudgetRow;
  /** How many budgets stand above it. */
  readonly depth: number;
  /** What its scope says beyond that of the budget above it: `agent:writer`. */
  readonly name: string;
}

interface Node {
  readonly budget: BudgetRow;
  readonly below: Node[];
  name: string;
  /** The one that runs out first, here or below. */
  first: BudgetRow;
}

/**
 * The tree of scopes as a list: a budget stands under the nearest one above it in the same unit, and what runs out first
 * stands first among its siblings, whether it does so itself or a budget below it does.
 */
export function budgetTree(budgets: readonly BudgetRow[]): TreeRow[] {
  const nodes = budgets.map((budget): Node => ({ budget, below: [], name: budget.scope, first: budget }));
  const places = new Map(nodes.map((node) => [placeOf(node.budget.unit, node.budget.scope), node]));
  const roots = nodes.filter((node) => {
    const above = nearestAbove(places, node.budget);
    if (above === undefined) return true;
    node.name = node.budget.scope.slice(above.budget.scope.length + 1);
    above.below.push(node);
    return false;
  });
  for (const root of roots) findFirst(root);
  const rows: TreeRow[] = [];
  list(roots, 0, rows);
  return rows;
}

function nearestAbove(places: ReadonlyMap<string, Node>, { unit, scope }: BudgetRow): Node | undefined {
  for (let end = scope.lastIndexOf("/"); end > 0; end = scope.lastIndexOf("/", end - 1)) {
    const above = places.get(placeOf(unit, scope.slice(0, end)));
    if (above !== undefined) return above;
  }
  return undefined;
}

const placeOf = (unit: string, scope: string): string => `${unit} ${scope}`;

function findFirst(node: Node): void {
  for (const child of node.below) {
    findFirst(child);
    if (bySoonest(child.first, node.first) < 0) node.first = child.first;
  }
}

function list(nodes: readonly Node[], depth: number, into: TreeRow[]): void {
  for (const { budget, name, below } of nodes.toSorted((left, right) => bySoonest(left.first, right.first))) {
    into.push({ budget, depth, name });
    list(below, depth + 1, into);
  }
}
