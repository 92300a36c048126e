import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { type KeyVariable, bedrockBases, providers } from "../../src/run/providers.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../../../docs/run.md"), "utf8");

/** Rows of the page's table: the variables that the same SDKs read share one. */
function rowsOf(variables: readonly KeyVariable[]): string[][] {
  const readers = [...new Set(variables.map(({ readBy }) => readBy))];
  return readers.map((reader) => {
    const names = variables.filter(({ readBy }) => readBy === reader).map(({ name }) => name);
    return [names.join(", "), reader];
  });
}

it("the variables that imprest run sets are the table of docs/run.md, row for row", () => {
  const [, section = ""] = page.split("<!-- variables of packages/imprest/src/run/providers.ts -->\n");
  const [table = ""] = section.trimStart().split("\n\n");
  const cells = table
    .split("\n")
    .slice(2)
    .map((line) => line.split("|").slice(1, -1))
    .map((row) => row.map((cell) => cell.replaceAll("`", "").trim()));
  expect(cells).toEqual([
    ...providers.flatMap(({ bases, keys }) => rowsOf([...bases, ...keys])),
    ...rowsOf(bedrockBases),
  ]);
});
