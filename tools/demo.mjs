// `npm run demo [-- STORY]`: runs examples/STORY/main.ts; `imprest demo` from the sources where no story is named.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const examples = join(root, "examples");
const [story] = process.argv.slice(2);
const main = story === undefined ? join(root, "packages/imprest/bin/imprest.js") : join(examples, story, "main.ts");
if ((story !== undefined && !/^[\w-]+$/.test(story)) || !existsSync(main)) {
  const stories = readdirSync(examples).filter((name) => existsSync(join(examples, name, "main.ts")));
  console.error(`There is no example "${story}"; there are ${stories.join(", ")}.`);
  process.exit(2);
}
const { status } = spawnSync(
  process.execPath,
  ["--conditions=@imprest/source", main, ...(story === undefined ? ["demo"] : [])],
  { stdio: "inherit" },
);
process.exit(status ?? 1);
