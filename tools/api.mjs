// `pnpm api`: writes what each entry of each package exports, as its built declarations have it, to `docs/api`.
// `pnpm api --check` writes nothing and fails where that differs from what is there: a change of surface is a visible diff.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import ts from "typescript";
import { workspacePackages } from "./packages.ts";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, "docs/api");

/** Every entry with declarations: where they are, and what its report is called. */
function entries() {
  return workspacePackages().flatMap(({ name, shortName, folder, manifest }) =>
    Object.entries(manifest.publishConfig.exports)
      .filter(([, target]) => typeof target === "object")
      .map(([entry, { types }]) => ({
        name: `${name}${entry.slice(1)}`,
        file: join(folder, types),
        report: `${[shortName, ...entry.split("/").slice(1)].join(".")}.txt`,
      })),
  );
}

const printer = ts.createPrinter({ removeComments: true });

function reportOf(checker, source, name) {
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
  const texts = exported.map((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const written = (target.declarations ?? []).map((declaration) => {
      const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
      const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile());
      return text.replaceAll(/^export (declare )?/gm, "").replaceAll(/^declare /gm, "");
    });
    const renamed = target.name === symbol.name ? "" : `// as ${symbol.name}\n`;
    return { key: symbol.name, text: renamed + written.join("\n") };
  });
  const sorted = texts.toSorted((one, other) => (one.key < other.key ? -1 : 1)).map(({ text }) => text);
  return `${name}\n\n${sorted.join("\n\n")}\n`;
}

const all = entries();
const program = ts.createProgram(
  all.map(({ file }) => file),
  { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, skipLibCheck: true, types: [] },
);
const checker = program.getTypeChecker();
const reports = new Map(
  all.map(({ name, file, report }) => {
    const source = program.getSourceFile(file);
    if (source === undefined) throw new Error(`${relative(root, file)} is missing; run pnpm build first`);
    return [report, reportOf(checker, source, name)];
  }),
);

if (process.argv.includes("--check")) {
  const there = new Set(readdirSync(folder).filter((file) => file.endsWith(".txt")));
  const differing = [...reports].filter(
    ([report, text]) => !there.has(report) || readFileSync(join(folder, report), "utf8") !== text,
  );
  const gone = [...there].filter((report) => !reports.has(report));
  for (const report of [...differing.map(([name]) => name), ...gone])
    console.error(`docs/api/${report} is not what is exported`);
  if (differing.length + gone.length > 0) {
    console.error("If the change of surface is meant: pnpm build && pnpm api, and commit the difference.");
    process.exit(1);
  }
} else {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [report, text] of reports) writeFileSync(join(folder, report), text);
}
