import { join, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { workspacePackages } from "../../tools/packages.ts";

// The `@example` of a docstring is code that somebody pastes: it is checked against the types that it uses. A name that is no
// export of ours is the reader's own, and may be anything.

const root = resolve(import.meta.dirname, "../..");
/** What users type. */
const typed = [
  "AspAuthority, AspClient, CyclesAuthority, CyclesClient, ScriptedRuntime, adopt, brokenTransport, budgetLeft, budgetMiddleware, budgetTelemetry, connect, connectBudget, createArcpRuntime",
  "createBudget, createEmbeddedAuthority, createLedgerAuthority, createManualClock, createModelProvider, createPriceTable",
  "cyclesHandlers, denialOf, denialResponse, fakeAuthority, formatAmount, guard, guardFetch, guardStream, logRecordStore",
  "aspHandlers, notBilled, observeSpend, openReservation, openTestAuthority, parseAmount, postgresRecordStore, redisRecordStore, serve, settlementQueue, sqliteStore, usd",
  "serveModels, transportTo, verifyAuditEvent, withReservation, withReservationStream",
  "captureWithStripe, chargeWithStripe, embedEvidence, guardRefund, mandateFromAP2, openPayment, paymentAuthority, reconcile",
  "reconcileStripeEvent, recover, refundWithStripe, releaseRejected, stripeLookupCharge, verifyMandate, verifyMandateReceipt",
  "verifyReceipt, x402LookupCharge, x402V1Client",
].flatMap((line) => line.split(", "));

/** Core first: what a wire has a word of its own for is core's, unless the example is the wire's. */
const packages = workspacePackages().toSorted(
  (one, other) => Number(other.shortName === "core") - Number(one.shortName === "core"),
);
const entries = packages.flatMap(({ name, folder, manifest }) =>
  Object.entries(manifest.exports).flatMap(([path, target]) => {
    const source = typeof target === "string" ? undefined : target["@imprest/source"];
    return source === undefined ? [] : { specifier: join(name, path), file: join(folder, source) };
  }),
);
const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (file) => ts.sys.readFile(file)) as {
  readonly config: object;
};
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
const compilerOptions: ts.CompilerOptions = { ...options, noEmit: true, noUnusedLocals: false, skipLibCheck: true };

const program = ts.createProgram({ rootNames: entries.map(({ file }) => file), options: compilerOptions });
const checker = program.getTypeChecker();
interface Example {
  readonly name: string;
  readonly specifier: string;
  readonly code: string;
}
const examples = new Map<string, Example>();
/** The entries that export a name. */
const homes = new Map<string, string[]>();
for (const { specifier, file } of entries) {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  for (const exported of module ? checker.getExportsOfModule(module) : []) {
    const { name } = exported;
    if (!specifier.endsWith("/internal")) homes.set(name, [...(homes.get(name) ?? []), specifier]);
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    for (const declaration of symbol.declarations ?? []) {
      for (const tag of ts.getJSDocTags(declaration)) {
        if (tag.tagName.text !== "example") continue;
        const code = ts.getTextOfJSDocComment(tag.comment) ?? "";
        const key = `${declaration.getSourceFile().fileName}#${name}`;
        if (!examples.has(key)) examples.set(key, { name, specifier, code });
      }
    }
  }
}

/** What an example imports: each name that an entry exports and that it does not declare itself. */
function importsOf({ name, specifier, code }: Example): string[] {
  const declared = new Set(
    Array.from(
      code.matchAll(/(?:const|let|function) (?:\{([^}]*)\}|(\w+))/g),
      ([, many, one]) => many ?? one ?? "",
    ).flatMap((list) => list.split(/[\s,:]+/)),
  );
  const [own = ""] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier) ?? [];
  return [...new Set(code.match(/[A-Za-z_]\w*/g))].flatMap((word) => {
    const entriesOf = homes.get(word);
    if (entriesOf === undefined || declared.has(word)) return [];
    // A wire's own word before core's, in the example of the wire.
    const from = word === name ? specifier : (entriesOf.find((entry) => entry.startsWith(own)) ?? entriesOf[0]);
    return `import { ${word} } from "${from}";`;
  });
}

/** What the compiler says of each example, with `own` names declared as anything. */
function diagnose(own: readonly (readonly string[])[]): (readonly ts.Diagnostic[])[] {
  const texts = new Map(
    [...examples.values()].map((example, at) => {
      const declared = (own[at] ?? []).map((word) => `declare const ${word}: any;`);
      const text = [...importsOf(example), ...declared, example.code, "export {};"].join("\n");
      return [join(root, `test/docs/.example-${at}.ts`), text] as const;
    }),
  );
  const host = ts.createCompilerHost(compilerOptions);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    const text = texts.get(path);
    if (text !== undefined) return ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
    return program.getSourceFile(path) ?? read(path, ...rest);
  };
  host.fileExists = (path) => texts.has(path) || ts.sys.fileExists(path);
  const checked = ts.createProgram({ rootNames: [...texts.keys()], options: compilerOptions, host });
  return [...texts.keys()].map((file) => checked.getSemanticDiagnostics(checked.getSourceFile(file)));
}

/** "Cannot find name", "did you mean", "no value exists in scope for the shorthand property". */
const unknownName: ReadonlySet<number> = new Set([2304, 2552, 18004]);
/** What has no type because the reader's own name stands for anything; a `return` of the function that the reader is in. */
const ofTheReader: ReadonlySet<number> = new Set([7006, 7031, 18046, 1108]);

const owns = diagnose([]).map((found) => [
  ...new Set(
    found.flatMap(({ code, messageText }) =>
      unknownName.has(code) ? (/'(\w+)'/.exec(ts.flattenDiagnosticMessageText(messageText, " "))?.slice(1) ?? []) : [],
    ),
  ),
]);
const problems = diagnose(owns).map((found) =>
  found
    .filter(({ code }) => !ofTheReader.has(code))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " ")),
);

describe("the examples of docstrings", () => {
  it("there is one for every name that users type", () => {
    const named = new Set(Array.from(examples.values(), ({ name }) => name));
    expect(typed.filter((name) => !named.has(name))).toEqual([]);
  });

  it.each(Array.from(examples.values(), (example, at) => ({ ...example, problems: problems[at] })))(
    "$specifier: $name holds against the types",
    ({ problems: found }) => {
      expect(found).toEqual([]);
    },
  );
});
