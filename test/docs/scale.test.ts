import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";

const page = (name: string): string => readFileSync(resolve(import.meta.dirname, "../../docs", name), "utf8");

it("docs/scale.md reckons with nothing that was not measured", () => {
  const measured = page("benchmarks.md");
  const rows = page("scale.md").match(/^\| .* \| .* \| `.*$/gm) ?? [];
  const figures = rows
    .slice(0)
    .flatMap((row) => (row.split("|")[2] ?? "").match(/\d[\d,.]*\d/g) ?? [])
    .map((figure) => figure.replaceAll(",", ""));
  // What was asked for, not found: how many budgets, calls or connections.
  const given = new Set(["1000", "1000000", "200000", "64"]);
  expect(figures.length).toBeGreaterThan(6);
  expect(figures.filter((figure) => !given.has(figure) && !measured.includes(figure))).toEqual([]);
});
