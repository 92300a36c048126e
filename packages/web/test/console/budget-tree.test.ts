import fc from "fast-check";
import { expect, it } from "vitest";
import { budgetTree } from "../../src/console/budget-tree.ts";
import { budget } from "./rows.ts";

const drawn = (rows: ReturnType<typeof budgetTree>): string[] =>
  rows.map(({ depth, name }) => `${"  ".repeat(depth)}${name}`);

it("a budget stands under the nearest one above it, with the rest of its scope as its name", () => {
  const scopes = ["tenant:acme/app:chat/agent:writer", "tenant:acme", "tenant:acme/agent:editor", "tenant:other"];
  expect(drawn(budgetTree(scopes.map((scope) => budget(scope))))).toEqual([
    "tenant:acme",
    "  agent:editor",
    "  app:chat/agent:writer",
    "tenant:other",
  ]);
});

it("what runs out first stands above, with all that it is a part of", () => {
  const rows = budgetTree([
    budget("tenant:acme"),
    budget("tenant:acme/agent:late", { exhaustsAtMs: 900 }),
    budget("tenant:acme/agent:soon", { exhaustsAtMs: 100 }),
    budget("tenant:other", { exhaustsAtMs: 500 }),
    budget("tenant:third", { exhaustsAtMs: 50 }),
  ]);
  expect(drawn(rows)).toEqual(["tenant:third", "tenant:acme", "  agent:soon", "  agent:late", "tenant:other"]);
});

it("what is used up stands above what will be, and what has less of its share left before the rest", () => {
  const rows = budgetTree([
    budget("tenant:a", { remaining: "80" }),
    budget("tenant:b", { remaining: "20" }),
    budget("tenant:c", { exhaustsAtMs: 5 }),
    budget("tenant:d", { remaining: "0" }),
  ]);
  expect(drawn(rows)).toEqual(["tenant:d", "tenant:c", "tenant:b", "tenant:a"]);
});

it("budgets of another unit stand apart", () => {
  const rows = budgetTree([budget("tenant:acme"), budget("tenant:acme/agent:a", { unit: "TOKENS" })]);
  expect(rows.map(({ depth }) => depth)).toEqual([0, 0]);
});

it("every budget is in the tree once, whatever the scopes are", () => {
  const segment = fc.constantFrom("tenant:a", "agent:b", "x", "", "/");
  const scopes = fc.array(fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")));
  fc.assert(
    fc.property(scopes, (all) => {
      const budgets = all.map((scope, at) => budget(scope, { id: String(at) }));
      const ids = budgetTree(budgets).map((row) => Number(row.budget.id));
      expect(ids.toSorted((left, right) => left - right)).toEqual(budgets.map((_, at) => at));
    }),
  );
});
