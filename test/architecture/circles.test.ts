import { join, relative } from "node:path";
import { expect, it } from "vitest";
import { allPackages } from "../../tools/packages.ts";
import { importsOf, root, sources, targetOf } from "./imports.ts";

/** Groups of files that reach each other through imports, types included (Tarjan's strongly connected components). */
function circles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file) ?? 0);
    stack.push(file);
    for (const target of edges.get(file) ?? []) {
      if (!index.has(target)) visit(target);
      if (stack.includes(target)) low.set(file, Math.min(low.get(file) ?? 0, low.get(target) ?? 0));
    }
    if (low.get(file) !== index.get(file)) return;
    const members = stack.splice(stack.indexOf(file));
    if (members.length > 1 || edges.get(file)?.includes(file))
      found.push(members.map((one) => relative(root, one)).toSorted());
  };
  for (const file of edges.keys()) if (!index.has(file)) visit(file);
  return found;
}

it("no files import each other in a loop, types included", () => {
  const files = allPackages().flatMap(({ folder }) => sources(join(folder, "src")));
  const edges = new Map(files.map((file) => [file, importsOf(file).flatMap((one) => targetOf(one) ?? [])] as const));
  expect(circles(edges)).toEqual([]);
});

it("the search finds a loop through a third file", () => {
  const edges = new Map([
    ["/a", ["/b"]],
    ["/b", ["/c"]],
    ["/c", ["/a"]],
    ["/d", ["/a"]],
  ]);
  expect(circles(edges)).toHaveLength(1);
});
