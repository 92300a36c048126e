import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { allPackages } from "../../tools/packages.ts";
import { importsOf, root, show, sources } from "./imports.ts";

// The rules of ARCHITECTURE.md, derived again from the imports themselves.

const packages = allPackages();

/**
 * The packages, or entries of one, that a package may import. Everything may import core; the one edge between protocols
 * is ap2 → cycles; a server of a wire signs exactly as that wire's verifier reads.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  cycles: ["core"],
  arcp: ["core"],
  asp: ["core"],
  ap2: ["core", "cycles"],
  embedded: ["core", "cycles/evidence"],
  llm: ["core"],
  // arcp is an optional peer, of `@imprest/testing/arcp` alone: the rule below holds that.
  testing: ["core", "embedded", "arcp"],
  "ai-sdk": ["core", "llm"],
  langchain: ["core", "llm"],
  otel: ["core"],
  "store-redis": ["core"],
  "store-postgres": ["core"],
  imprest: packages.map(({ shortName }) => shortName).filter((name) => name !== "web"),
  // A page: `imprest` serves it, and it reads the types of what it is served.
  web: ["core", "asp", "cycles", "ap2"],
};

/** The rooms of core that a room may import from, types included. */
const coreRooms: Readonly<Record<string, readonly string[]>> = {
  platform: ["errors"],
  amount: ["errors"],
  wire: ["amount", "errors"],
  records: ["platform"],
  observe: ["platform"],
  authority: ["amount", "observe", "platform", "records"],
  // An error names the grant or the settlement that it is about.
  errors: ["authority"],
  idempotency: ["errors", "platform"],
  http: ["authority", "errors", "platform"],
  models: ["amount", "errors", "wire"],
  zod: ["models", "wire"],
  audit: ["authority", "errors", "http", "platform", "wire"],
  settlement: ["amount", "authority", "errors", "observe", "platform", "records"],
  reservation: ["amount", "authority", "errors", "idempotency", "observe", "platform", "records", "settlement", "wire"],
};

/** The rooms of embedded that a room may import from, types included. */
const embeddedRooms: Readonly<Record<string, readonly string[]>> = {
  ledger: [],
  http: ["ledger"],
  access: ["ledger"],
  authority: ["http", "ledger"],
  // Evidence states answers in the words of Cycles: it has no others.
  evidence: ["authority", "cycles", "ledger"],
  cycles: ["access", "evidence", "governance", "http", "ledger"],
  governance: ["access", "cycles", "http", "ledger"],
  asp: ["access", "http", "ledger"],
};

/** The rooms of imprest that a room may import from, types included. */
const imprestRooms: Readonly<Record<string, readonly string[]>> = {
  budget: [],
  // What the pages and the command share: a browser loads it.
  pages: [],
  run: ["budget"],
  cli: ["budget", "pages", "run"],
};

describe.each(packages)("$path", ({ shortName: name, folder, manifest }) => {
  const source = join(folder, "src");
  const imports = sources(source).flatMap(importsOf);

  it("imports only the packages below it", () => {
    expect(allowed, "name the package in this test").toHaveProperty(name);
    const wrong = imports.filter(({ specifier }) => {
      const [, target, entry] = /^@imprest\/([^/]+)(?:\/(.+))?$/.exec(specifier) ?? [];
      if (target === undefined) return false;
      return !allowed[name]?.some((one) => one === target || one === `${target}/${entry}`);
    });
    expect(wrong.map(show)).toEqual([]);
  });

  it("imports node: only in src/node and the command line's src/cli", () => {
    const wrong = imports.filter(
      ({ from, specifier }) =>
        specifier.startsWith("node:") &&
        !relative(source, from).startsWith("node/") &&
        !(name === "imprest" && relative(source, from).startsWith("cli/")),
    );
    expect(wrong.map(show)).toEqual([]);
  });

  it("declares every package that it imports", () => {
    const declared = new Set([
      manifest.name,
      ...Object.keys({
        ...manifest.dependencies,
        ...manifest.peerDependencies,
        // A private package is installed nowhere else: what it is built of is in its pages.
        ...(manifest.private === true && manifest.devDependencies),
      }),
    ]);
    const undeclared = imports.filter(({ specifier }) => {
      if (/^(\.|#|node:)/.test(specifier)) return false;
      const [scope = "", rest] = specifier.split("/");
      return !declared.has(scope.startsWith("@") ? `${scope}/${rest}` : scope);
    });
    expect(undeclared.map(show)).toEqual([]);
  });

  it("has no default export, no star export and no top-level await", () => {
    const wrong = sources(source).filter((file) =>
      /^export (default|\*)|^(const .*= )?await /m.test(readFileSync(file, "utf8")),
    );
    expect(wrong.map((file) => relative(root, file))).toEqual([]);
  });
});

it("of @imprest/testing only the entry /arcp imports its optional peer @imprest/arcp", () => {
  const importers = sources(join(root, "packages/testing/src"))
    .flatMap(importsOf)
    .filter(({ specifier }) => specifier.startsWith("@imprest/arcp"))
    .map(({ from }) => relative(root, from));
  expect([...new Set(importers)]).toEqual(["packages/testing/src/arcp.ts"]);
});

/** The imports of a package's rooms from others than those that each of them stands on. */
function outOfRoom(source: string, rooms: Readonly<Record<string, readonly string[]>>) {
  const roomOf = (file: string) => relative(source, file).split("/")[0] ?? "";
  return sources(source)
    .flatMap(importsOf)
    .filter(({ from, specifier }) => {
      const room = roomOf(from);
      if (!specifier.startsWith(".") || !(room in rooms)) return false;
      const target = roomOf(resolve(dirname(from), specifier));
      return target !== room && !rooms[room]?.includes(target);
    });
}

describe("the rooms of core", () => {
  const source = join(root, "packages/core/src");

  it("import only from the rooms below them, types included", () => {
    expect(outOfRoom(source, coreRooms).map(show)).toEqual([]);
  });

  it("the kernel knows no protocol's models, not even as types", () => {
    const wrong = ["authority", "settlement", "reservation"]
      .flatMap((room) => sources(join(source, room)))
      .flatMap(importsOf)
      .filter(({ specifier }) => specifier.includes("/models/"));
    expect(wrong.map(show)).toEqual([]);
  });
});

describe("the rooms of embedded", () => {
  const source = join(root, "packages/embedded/src");

  it("import only from the rooms that each of them stands on, types included", () => {
    expect(outOfRoom(source, embeddedRooms).map(show)).toEqual([]);
  });

  it("the ledger, and what all wires share, know no protocol's models, not even as types", () => {
    const wrong = ["access", "http", "ledger"]
      .flatMap((room) => sources(join(source, room)))
      .flatMap(importsOf)
      .filter(({ specifier }) => specifier.includes("/models/") || specifier.startsWith("@imprest/cycles"));
    expect(wrong.map(show)).toEqual([]);
  });
});

describe("the rooms of imprest", () => {
  const source = join(root, "packages/imprest/src");

  it("import only from the rooms that each of them stands on, types included", () => {
    expect(outOfRoom(source, imprestRooms).map(show)).toEqual([]);
  });

  it("imprest/internal is what the pages share with the command, and nothing of the command", () => {
    const rooms = importsOf(join(source, "internal.ts")).map(({ specifier }) => specifier.split("/")[1]);
    expect(new Set(rooms)).toEqual(new Set(["pages"]));
  });
});

it("the pages take nothing of imprest but the types of what they are served, and how a line is judged", () => {
  const wrong = sources(join(root, "packages/web/src"))
    .flatMap(importsOf)
    .filter(({ specifier }) => /^imprest(?:\/|$)/.test(specifier))
    .filter(({ specifier }) => specifier !== "imprest/internal");
  expect(wrong.map(show)).toEqual([]);
});

it.each(["cycles", "asp", "arcp", "ap2"])("the root of @imprest/%s exports nothing of its connection", (name) => {
  const wrong = importsOf(join(root, `packages/${name}/src/index.ts`)).filter(({ specifier }) =>
    specifier.endsWith("/connection.ts"),
  );
  expect(wrong.filter(({ typeOnly }) => !typeOnly).map(show)).toEqual([]);
});

it("a prefix of record keys is written in the package that owns it, and in no other", () => {
  const prefixes = new Map<string, Set<string>>();
  for (const { shortName, folder } of packages) {
    for (const file of sources(join(folder, "src"))) {
      const literals = readFileSync(file, "utf8").matchAll(/["`]((?:settlement|dead-letter|ap2-\w+):)/g);
      for (const [, prefix = ""] of literals) prefixes.set(prefix, (prefixes.get(prefix) ?? new Set()).add(shortName));
    }
  }
  expect([...prefixes.keys()]).toEqual(expect.arrayContaining(["settlement:", "dead-letter:", "ap2-payment:"]));
  expect([...prefixes].filter(([, owners]) => owners.size > 1)).toEqual([]);
});
