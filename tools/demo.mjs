// `npm run demo [-- STORY]`: runs examples/STORY/main.ts, the first one (`demo`) unless told.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const examples = resolve(import.meta.dirname, "../examples");
const story = process.argv[2] ?? "demo";
const main = join(examples, story, "main.ts");
if (!/^[\w-]+$/.test(story) || !existsSync(main)) {
  const stories = readdirSync(examples).filter((name) => existsSync(join(examples, name, "main.ts")));
  console.error(`There is no example "${story}"; there are ${stories.join(", ")}.`);
  process.exit(2);
}
const { status } = spawnSync(process.execPath, ["--conditions=@imprest/source", main], { stdio: "inherit" });
process.exit(status ?? 1);
