// `pnpm reference [FOLDER]`: the API reference of every entry of every package, as pages under `.reference`.
// Fails where an export has no docstring, where one names what is not exported, and where a link leads nowhere.
import { join, resolve } from "node:path";
import { Application } from "typedoc";
import { workspacePackages } from "./packages.ts";

const root = resolve(import.meta.dirname, "..");
const packages = workspacePackages();
const entryPoints = packages.flatMap(({ folder, manifest }) => {
  const sources = Object.values(manifest.exports).map((target) => target["@imprest/source"]);
  return sources.filter((source) => source !== undefined).map((source) => join(folder, source));
});

const app = await Application.bootstrap({
  name: "Imprest",
  entryPoints,
  tsconfig: join(root, "tsconfig.json"),
  readme: "none",
  // Stated, because a clone's remote may be anything.
  sourceLinkTemplate: "https://github.com/imprest/imprest/blob/{gitRevision}/{path}#L{line}",
  // `pnpm typecheck` says what does not compile.
  skipErrorChecking: true,
  excludePrivate: true,
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  // Constructors and schemas speak through their class and type.
  requiredToBeDocumented: ["Class", "Interface", "Function", "Method", "TypeAlias", "Enum"],
  packagesRequiringDocumentation: packages.map(({ name }) => name),
});
const project = await app.convert();
if (project === undefined) throw new Error("The sources could not be read.");
app.validate(project);
await app.generateDocs(project, resolve(process.argv[2] ?? join(root, ".reference")));
process.exit(app.logger.hasErrors() || app.logger.hasWarnings() ? 1 : 0);
