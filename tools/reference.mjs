// `pnpm reference [FOLDER]`: the API reference of every entry of every package, as pages under `.reference`.
// Fails where an export has no docstring, where one names what is not exported, and where a link leads nowhere.
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Application } from "typedoc";

const root = resolve(import.meta.dirname, "..");
const names = readdirSync(join(root, "packages"));
const entryPoints = names.flatMap((name) => {
  const { exports } = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
  const sources = Object.values(exports).map((target) => target["@imprest/source"]);
  return sources.filter((source) => source !== undefined).map((source) => join(root, "packages", name, source));
});

const app = await Application.bootstrap({
  name: "Imprest",
  entryPoints,
  tsconfig: join(root, "tsconfig.json"),
  readme: "none",
  // `pnpm typecheck` says what does not compile.
  skipErrorChecking: true,
  excludePrivate: true,
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  // Constructors and schemas speak through their class and type.
  requiredToBeDocumented: ["Class", "Interface", "Function", "Method", "TypeAlias", "Enum"],
  packagesRequiringDocumentation: names.map((name) => `@imprest/${name}`),
});
const project = await app.convert();
if (project === undefined) throw new Error("The sources could not be read.");
app.validate(project);
await app.generateDocs(project, resolve(process.argv[2] ?? join(root, ".reference")));
process.exit(app.logger.hasErrors() || app.logger.hasWarnings() ? 1 : 0);
