// `pnpm docs:snippets`: puts the region of an example under every `<!-- region FILE#NAME -->` of the documentation.
// `--check` writes nothing and fails for a snippet that has drifted.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { workspacePackages } from "./packages.ts";

const root = resolve(import.meta.dirname, "..");
const pages = [
  "README.md",
  ...workspacePackages().map(({ path }) => join(path, "README.md")),
  ...readdirSync(join(root, "docs"), { recursive: true }).map((file) => join("docs", file)),
];
/** A marker, and its block where it has one already. */
const snippet = /<!-- region (\S+)#(\S+) -->(?:\n\n```ts\n[\s\S]*?```)?/g;

/** The region's lines, as far to the left as they go. */
function region(file, name) {
  const text = readFileSync(join(root, file), "utf8");
  const found = new RegExp(`^( *)// #region ${name}\\n([\\s\\S]*?)^ *// #endregion`, "m").exec(text);
  if (found === null) throw new Error(`${file} has no region ${name}`);
  return found[2].replaceAll(new RegExp(`^${found[1]}`, "gm"), "");
}

let drifted = 0;
for (const page of pages.filter((file) => file.endsWith(".md"))) {
  const path = join(root, page);
  const before = readFileSync(path, "utf8");
  const after = before.replaceAll(snippet, (_all, file, name) => {
    return `<!-- region ${file}#${name} -->\n\n\`\`\`ts\n${region(file, name)}\`\`\``;
  });
  if (after === before) continue;
  drifted += 1;
  console.log(`${page}: ${process.argv.includes("--check") ? "has drifted; run pnpm docs:snippets" : "rewritten"}`);
  if (!process.argv.includes("--check")) writeFileSync(path, after);
}
if (drifted > 0 && process.argv.includes("--check")) process.exit(1);
