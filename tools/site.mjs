// `pnpm site` (`pnpm build` first): the documentation as a site under `.site`: the pages, the reference of every entry, the
// audit explorer, plain text for agents.
// Fails for a link that leads nowhere, in a page or in a docstring, and where the first page is not the README's.
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, ".site");
const run = (program, ...args) => execFileSync(program, args, { cwd: root, stdio: "inherit" });

run(process.execPath, join(root, "node_modules/vitepress/bin/vitepress.js"), "build", "docs");
// After the pages, whose build empties the folder.
run(process.execPath, "tools/reference.mjs", join(folder, "reference"));

const built = join(root, "packages/imprest/dist/web");
cpSync(join(built, "assets"), join(folder, "explorer/assets"), { recursive: true });
cpSync(join(built, "explorer.html"), join(folder, "explorer/index.html"));

for (const page of readdirSync(folder, { recursive: true }).filter((name) =>
  /^[^/]*\.html$|^(?:guides|hosts|packages)\/.*\.html$/.test(name),
)) {
  if (page !== "404.html" && !readFileSync(join(folder, page), "utf8").includes("<h1"))
    throw new Error(`${String(page)} is empty.`);
}

const [, block] = /^```ts\n(.*?)^```/ms.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
const [, shown] =
  /language-ts.*?<code[^>]*>(.*?)<\/code>/s.exec(readFileSync(join(folder, "index.html"), "utf8")) ?? [];
const entities = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" };
const text = shown?.replace(/<[^>]+>/g, "").replace(/&\w+;|&#39;/g, (entity) => entities[entity] ?? entity);
if (block === undefined || text?.trim() !== block.trim())
  throw new Error("The site's first block is not the README's.");
console.log(`The site stands in ${folder}.`);
