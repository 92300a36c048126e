import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { allPackages, workspacePackages } from "../../tools/packages.ts";
import { importsOf } from "./imports.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const packages = workspacePackages();
const names = packages.map(({ shortName }) => shortName);
const workspace = parse(read("pnpm-workspace.yaml")) as {
  readonly catalog: Readonly<Record<string, string>>;
  readonly allowBuilds: Readonly<Record<string, boolean>>;
};

/** Dependencies from outside, with the packages that have them and the versions that they ask for. */
const used = new Map<string, string[]>();
const asked = new Map<string, string>();
for (const { shortName, manifest } of packages) {
  const { dependencies, peerDependencies } = manifest;
  for (const [dependency, version] of Object.entries({ ...dependencies, ...peerDependencies })) {
    if (dependency.startsWith("@imprest/")) continue;
    used.set(dependency, [...(used.get(dependency) ?? []), shortName]);
    if (dependencies?.[dependency] !== undefined) asked.set(dependency, version);
  }
}

describe("DEPENDENCY_POLICY.md", () => {
  const rows = Array.from(
    read("DEPENDENCY_POLICY.md").matchAll(/^\| `([^`]+)`\s*\| ([^|]+)\| ([^|]+)\|$/gm),
    ([, name = "", by = "", why = ""]) => ({ name, by: by.trim(), why: why.trim() }),
  );

  it("names every runtime dependency, who uses it and why, and none that is gone", () => {
    expect(rows.map(({ name }) => name).toSorted()).toEqual([...used.keys()].toSorted());
    for (const { name, by, why } of rows) {
      expect(by.split(/[, ]+/).filter((word) => names.includes(word))).toEqual(used.get(name));
      expect(why.length).toBeGreaterThan(20);
    }
  });

  it("is kept: one version each, and no script at an installation", () => {
    for (const [name, version] of asked) {
      expect(version === "catalog:" ? workspace.catalog[name] : version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
    const builds = Object.keys(workspace.allowBuilds).filter((name) => workspace.allowBuilds[name]);
    expect(builds.filter((name) => used.has(name))).toEqual([]);
  });

  it("names what the pages are built of: pinned, and under licences that users can live with", () => {
    const web = allPackages().find(({ shortName }) => shortName === "web");
    const built = Object.entries(web?.manifest.devDependencies ?? {}).filter(
      ([name, version]) => name !== "vite" && !version.startsWith("workspace:"),
    );
    const named = read("DEPENDENCY_POLICY.md").matchAll(/^\| `([^`]+)`\s*\| [^|]{20,}\|$/gm);
    expect(new Set(built.map(([name]) => name))).toEqual(new Set(Array.from(named, ([, name]) => name)));
    for (const [name, version] of built) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      const { license } = JSON.parse(read(`packages/web/node_modules/${name}/package.json`)) as { license: string };
      expect(license, name).toMatch(/^(?:Apache-2\.0|MIT|ISC|BSD-[23]-Clause|0BSD)$/);
    }
  });

  const works = Array.from(
    read("DEPENDENCY_POLICY.md").matchAll(
      /^\| `([^`]+)`\s*\| (`[^`]+`|the root)\s*\| `([^`]+)`\s*\| `([^`]+)`[^|]*\|$/gm,
    ),
    ([, name = "", declared = "", file = "", fails = ""]) => ({ name, declared, file, fails }),
  );

  it("says where each of the tools that this project was asked to use works", () => {
    const asked = ["undici", "zod", "eventemitter3", "@noble/ed25519", "canonicalize", "tsup", "vitest", "msw"];
    expect(works.map(({ name }) => name)).toEqual(asked);
  });

  it.each(works)("$name is declared and imported where it says, and the test that it names is there", (row) => {
    const folder = row.declared === "the root" ? "." : row.declared.replaceAll("`", "");
    const { dependencies, devDependencies } = JSON.parse(read(join(folder, "package.json"))) as {
      readonly dependencies?: object;
      readonly devDependencies?: object;
    };
    expect({ ...devDependencies, ...dependencies }).toHaveProperty([row.name]);
    const specifiers = importsOf(join(root, row.file)).filter(({ typeOnly }) => !typeOnly);
    expect(
      specifiers.some(({ specifier }) => specifier === row.name || specifier.startsWith(`${row.name}/`)),
      `${row.file} imports ${row.name}`,
    ).toBe(true);
    expect(existsSync(join(root, row.fails)), row.fails).toBe(true);
  });

  it("every published package is built by tsup, with the one configuration", () => {
    for (const { folder, shortName } of packages) {
      const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
        readonly scripts: { readonly build: string };
      };
      expect(scripts.build, shortName).toMatch(/^tsup --config (?:\.\.\/)+tsup\.config\.ts$/);
    }
  });
});

describe("what a release is made of, by pnpm sbom:cyclonedx", () => {
  interface Component {
    readonly group?: string;
    readonly name: string;
    readonly licenses?: ReadonlyArray<{ readonly license?: { readonly id?: string } }>;
    readonly externalReferences?: ReadonlyArray<{ readonly type: string; readonly hashes?: readonly unknown[] }>;
  }
  rmSync(join(root, "sbom"), { recursive: true, force: true });
  execFileSync("pnpm", ["run", "sbom:cyclonedx"], { cwd: root, stdio: "pipe" });
  const bills = packages.map(({ name, manifest }) => {
    const text = read(`sbom/${name.replace("@", "").replace("/", "-")}.cdx.json`);
    return {
      name,
      manifest,
      components: (JSON.parse(text) as { readonly components: readonly Component[] }).components,
    };
  });
  const fullName = ({ group, name }: Component): string =>
    group === undefined || name.startsWith("@") ? name : `${group}/${name}`;
  const outside = bills.flatMap(({ components }) =>
    components.filter((component) => !fullName(component).startsWith("@imprest/")),
  );

  it("is what the manifests name, and nothing that those bring along", () => {
    expect(new Set(outside.map(fullName))).toEqual(new Set(asked.keys()));
    for (const { manifest, components } of bills) {
      expect(components.map(fullName)).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies ?? {})));
    }
  });

  it("has licences that users can live with, and the digest of every tarball", () => {
    for (const component of outside) {
      const licences = component.licenses?.map(({ license }) => license?.id) ?? [];
      expect(licences, component.name).toEqual([
        expect.stringMatching(/^(?:Apache-2\.0|MIT|ISC|BSD-[23]-Clause|0BSD)$/),
      ]);
      const tarball = component.externalReferences?.find(({ type }) => type === "distribution");
      expect(tarball?.hashes, component.name).toHaveLength(1);
    }
  });
});
