import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { workspacePackages } from "../../tools/packages.ts";

// The rules of ARCHITECTURE.md, derived again from the imports themselves.

const root = resolve(import.meta.dirname, "../..");
const packages = workspacePackages();

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
  "store-redis": ["core"],
  "store-postgres": ["core"],
  imprest: packages.map(({ shortName }) => shortName),
};

/** The rooms of core that a room may import values from; types may come from anywhere. */
const coreRooms: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  platform: ["errors"],
  amount: ["errors"],
  wire: ["amount", "errors"],
  records: ["platform"],
  observe: ["platform"],
  idempotency: ["errors", "platform"],
  prices: ["amount", "errors"],
  http: ["errors", "platform"],
  models: ["amount", "errors", "wire"],
  audit: ["errors", "http", "platform", "wire"],
  reservation: ["amount", "errors", "idempotency", "observe", "platform", "records"],
};

interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^"';]*?)\s*from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|(?:^|\n)\s*import\s+["']([^"']+)["']/g;

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return [...text.matchAll(importPattern)].map(([, type, names = "", from, dynamic, bare]) => {
    const named = /^\{([\s\S]*)\}$/
      .exec(names.trim())?.[1]
      ?.split(",")
      .filter((name) => name.trim() !== "");
    const typeOnly = type !== undefined || (named?.every((name) => /^\s*type\s/.test(name)) ?? false);
    return { from: file, specifier: from ?? dynamic ?? bare ?? "", typeOnly };
  });
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

const show = ({ from, specifier }: Import) => `${relative(root, from)} imports ${specifier}`;

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

  it("imports node: only in src/node and the command line", () => {
    const wrong = imports.filter(
      ({ from, specifier }) =>
        specifier.startsWith("node:") && name !== "imprest" && !relative(source, from).startsWith("node/"),
    );
    expect(wrong.map(show)).toEqual([]);
  });

  it("declares every package that it imports", () => {
    const declared = new Set([
      manifest.name,
      ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }),
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

describe("the rooms of core", () => {
  const source = join(root, "packages/core/src");
  const roomOf = (file: string) => relative(source, file).split("/")[0] ?? "";

  it("import values only from the rooms below them", () => {
    const wrong = sources(source)
      .flatMap(importsOf)
      .filter(({ from, specifier, typeOnly }) => {
        const room = roomOf(from);
        if (typeOnly || !specifier.startsWith(".") || !(room in coreRooms)) return false;
        const target = roomOf(resolve(dirname(from), specifier));
        return target !== room && !coreRooms[room]?.includes(target);
      });
    expect(wrong.map(show)).toEqual([]);
  });

  it("the kernel knows no protocol's models, not even as types", () => {
    const wrong = sources(join(source, "reservation"))
      .flatMap(importsOf)
      .filter(({ specifier }) => specifier.includes("/models/"));
    expect(wrong.map(show)).toEqual([]);
  });
});
