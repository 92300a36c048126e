import { join, relative } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";
import { root, sources } from "./imports.ts";

// An interface of a wire model and the shape under it are written twice. The compiler finds a required member that only one of
// them has, and takes an optional one for absent: a field that no shape names is read as an unknown one, and nothing fails.

/** What makes the shape of an object of its members, and of nothing else. */
const objectShapes: ReadonlySet<string> = new Set(["object", "closedObject", "message"]);

const program = ts.createProgram({
  rootNames: sources(join(root, "packages/core/src/models")),
  options: {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    allowImportingTsExtensions: true,
    noEmit: true,
    types: [],
  },
});
const checker = program.getTypeChecker();
const namesOf = (type: ts.Type): readonly string[] => type.getProperties().map(({ name }) => name);

it("an interface of a model and its shape have the same members", () => {
  const wrong: string[] = [];
  let compared = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.type && node.initializer && ts.isCallExpression(node.initializer)) {
      const { type, initializer } = node;
      const [members] = initializer.arguments;
      const model = ts.isTypeReferenceNode(type) ? type.typeArguments?.[0] : undefined;
      if (members && model && objectShapes.has(initializer.expression.getText())) {
        const declared = namesOf(checker.getTypeAtLocation(model));
        const read = namesOf(checker.getTypeAtLocation(members));
        const at = `${relative(root, node.getSourceFile().fileName)}: ${node.name.getText()}`;
        wrong.push(...declared.filter((name) => !read.includes(name)).map((name) => `${at} does not read ${name}`));
        wrong.push(
          ...read
            .filter((name) => !declared.includes(name))
            .map((name) => `${at} reads ${name}, which is not declared`),
        );
        compared += 1;
      }
    }
    ts.forEachChild(node, visit);
  };
  for (const file of sources(join(root, "packages/core/src/models"))) {
    const source = program.getSourceFile(file);
    if (source) visit(source);
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(80);
});
