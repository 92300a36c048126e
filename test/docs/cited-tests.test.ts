import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

// What a page says that a test holds is held by a test: each `FILE.test.ts` "WORDS" names a file that is there, and words
// out of a title in it.

const root = resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const pages = [
  "SECURITY.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join("docs", file)),
].filter((page) => read(page).includes(".test.ts"));

/** Titles of `it(…)` and `describe(…)`, and the texts of the tables that `.each` makes titles of. */
function titlesOf(file: string): string[] {
  const titles: string[] = [];
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) titles.push(node.text);
    else if (ts.isTemplateExpression(node)) titles.push(node.getText());
    else ts.forEachChild(node, collect);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|describe|test)\b/.test(node.expression.getText())) {
      const [first] = node.arguments;
      const isTable = /\.(each|for)$/.test(node.expression.getText());
      if (first && (isTable || ts.isStringLiteralLike(first) || ts.isTemplateExpression(first))) collect(first);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2023, true));
  return titles;
}

/** A stretch of text without the breaks and the padding of the page it stands on. */
const flat = (text: string): string => text.replaceAll(/\s+/g, " ");

describe.each(pages)("%s", (page) => {
  const text = flat(read(page));
  const files = Array.from(text.matchAll(/`((?:packages|test)\/[^`\s]+\.test\.ts)`/g), ([, file = ""]) => file);
  const cited = Array.from(text.matchAll(/`([^`]+\.test\.ts)` "([^"]+)"/g), ([, file = "", words = ""]) => ({
    file,
    words,
  }));

  it("names test files that are there", () => {
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it("names tests that are there", () => {
    const gone = cited.filter(({ file, words }) => !titlesOf(file).some((title) => flat(title).includes(words)));
    expect(gone).toEqual([]);
  });
});

describe("the clauses of each protocol", () => {
  it.each(["docs/cycles.md", "docs/asp.md", "docs/arcp.md", "docs/ap2.md"])("each row of %s names its test", (page) => {
    const tables = read(page).split(/\n\n/);
    const clauses = tables
      .filter((table) => /^\| clause +\|/.test(table))
      .flatMap((table) => table.split("\n").slice(2));
    expect(clauses.length).toBeGreaterThan(15);
    expect(clauses.filter((row) => row.startsWith("|") && !/\.test\.ts` "|\]\(audit\.md\)/.test(row))).toEqual([]);
  });
});

describe("SECURITY.md", () => {
  const cellsOf = (page: string, column: number): string[] =>
    read(page)
      .split("\n")
      .filter((line) => line.startsWith("|") && !line.startsWith("| ---"))
      .slice(1)
      .map((line) => (line.split("|")[column] ?? "").trim())
      .filter((cell) => !cell.startsWith("---"));

  it("has every promise of the threat model, no other, and a test for each", () => {
    const promises = cellsOf("docs/threat-model.md", 3).flatMap((cell) => cell.split("; "));
    expect(promises.length).toBeGreaterThan(20);
    expect(cellsOf("SECURITY.md", 1)).toEqual(promises);
    expect(cellsOf("SECURITY.md", 2).filter((cell) => !/\.test\.ts` "/.test(cell))).toEqual([]);
  });
});
