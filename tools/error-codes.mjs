// `pnpm docs:errors`: makes the table of codes in docs/troubleshooting.md from the unions of codes. Each member of a union
// has a comment: what happened, then `Remedy:` and what to do. `--check` writes nothing and fails where the page has drifted.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { workspacePackages } from "./packages.ts";

const root = resolve(import.meta.dirname, "..");
const page = join(root, "docs/troubleshooting.md");
const union = /export type \w+ErrorCode =\n((?:  \/\*\*[\s\S]*?\*\/\n  \| "ERR_\w+";?\n)+)/g;
const member = /\/\*\*([\s\S]*?)\*\/\n  \| "(ERR_\w+)"/g;
const place = /(?<=<!-- error codes -->\n\n)[\s\S]*?(?=\n<!-- \/error codes -->)/;

const packages = workspacePackages().map(({ path }) => path);
// Core's codes first: every wire has them.
const sources = [...new Set(["packages/core", ...packages])]
  .map((path) => join(root, path, "src"))
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)))
  .filter((file) => file.endsWith(".ts"));

const rows = sources.flatMap((file) => {
  const unions = Array.from(readFileSync(file, "utf8").matchAll(union), ([, members]) => members);
  return unions.flatMap((members) => Array.from(members.matchAll(member), ([, words, code]) => row(code, words)));
});

function row(code, words) {
  const text = words.replaceAll(/\s*\n\s*\*\s?/g, " ").trim();
  const [happened, remedy] = text.split(/\s*Remedy:\s*/);
  if (remedy === undefined) throw new Error(`${code} has no "Remedy:"`);
  return `| \`${code}\` | ${happened.replace(/\.$/, "")} | ${remedy.replace(/\.$/, "")} |`;
}

const table = ["| code | what happened | what to do |", "| --- | --- | --- |", ...rows].join("\n");
/** A table without what the formatter pads. */
const bare = (text) => text.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---").trim();

const before = readFileSync(page, "utf8");
const found = place.exec(before)?.[0];
if (found === undefined) throw new Error("docs/troubleshooting.md has no place for the codes");
if (bare(found) === bare(table)) process.exit(0);
if (process.argv.includes("--check")) {
  console.log("docs/troubleshooting.md has drifted; run pnpm docs:errors");
  process.exit(1);
}
writeFileSync(page, before.replace(place, `${table}\n`));
console.log("docs/troubleshooting.md: rewritten");
