// `pnpm docs:settlement`: makes the table of docs/what-is-charged.md from the rows of packages/llm/src/fetch/settlement.ts. The
// comment of a row says what became of a request, its `settle` what the books have. `--check` writes nothing and fails where
// the page has drifted.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const page = join(root, "docs/what-is-charged.md");
const source = readFileSync(join(root, "packages/llm/src/fetch/settlement.ts"), "utf8");

/** What was spent, and what is charged for it. */
const charges = {
  release: ["nothing", "nothing: the reservation is released"],
  commit: ["known", "what the usage costs"],
  seen: ["possible", "an upper bound of what was seen: the prompt, and a token for every byte of text"],
  estimate: ["possible", "the estimate"],
};
const row =
  /\/\*\* (.+) \*\/\n *(?:const \w+: Row = )?\{[^{}]*?event: "[^"]+",[\s\S]*?settle: "(\w+)",?\s*(isReported: true)?/g;

const rows = Array.from(source.matchAll(row), ([, happened, settle, isReported]) => {
  const [spent, charged] = charges[settle];
  return `| ${happened} | ${spent} | ${charged}${isReported ? "; reported as `usage-unknown`" : ""} |`;
});
if (rows.length !== source.match(/\bevent: "/g)?.length) throw new Error("a row of settlement.ts has no comment");
const table = ["| what became of the request | spent | charged |", "| --- | --- | --- |", ...rows].join("\n");

const place = /(?<=<!-- settlement -->\n\n)[\s\S]*?(?=\n<!-- \/settlement -->)/;
/** A table without what the formatter pads. */
const bare = (text) => text.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---").trim();

const before = readFileSync(page, "utf8");
const found = place.exec(before)?.[0];
if (found === undefined) throw new Error("docs/what-is-charged.md has no place for the rows");
if (bare(found) === bare(table)) process.exit(0);
if (process.argv.includes("--check")) {
  console.log("docs/what-is-charged.md has drifted; run pnpm docs:settlement");
  process.exit(1);
}
writeFileSync(page, before.replace(place, `${table}\n`));
console.log("docs/what-is-charged.md: rewritten");
