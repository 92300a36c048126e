import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const policy = readFileSync(join(root, "DEPENDENCY_POLICY.md"), "utf8");

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Dependencies from outside, with the packages that have them. */
const used = new Map<string, string[]>();
for (const name of readdirSync(join(root, "packages"))) {
  const { dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(root, "packages", name, "package.json"), "utf8"),
  ) as Manifest;
  for (const dependency of Object.keys({ ...dependencies, ...peerDependencies })) {
    if (!dependency.startsWith("@imprest/")) used.set(dependency, [...(used.get(dependency) ?? []), name]);
  }
}

describe("DEPENDENCY_POLICY.md", () => {
  const rows = Array.from(
    policy.matchAll(/^\| `([^`]+)`\s*\| ([^|]+)\| ([^|]+)\|$/gm),
    ([, name = "", by = "", why = ""]) => ({
      name,
      by: by.trim(),
      why: why.trim(),
    }),
  );

  it("names every runtime dependency, who uses it and why, and none that is gone", () => {
    expect(rows.map(({ name }) => name).toSorted()).toEqual([...used.keys()].toSorted());
    for (const { name, by, why } of rows) {
      for (const user of used.get(name) ?? []) expect(by).toContain(user);
      expect(why.length).toBeGreaterThan(20);
    }
  });
});

it("everything that is installed for users has a licence that they can live with", () => {
  const text = execFileSync("pnpm", ["licenses", "list", "--prod", "--json", "-r"], { cwd: root, encoding: "utf8" });
  const licences = Object.keys(JSON.parse(text.slice(text.indexOf("{"))) as object);
  expect(licences).not.toEqual([]);
  expect(licences.filter((licence) => !/^(?:Apache-2\.0|MIT|ISC|BSD-[23]-Clause|0BSD)$/.test(licence))).toEqual([]);
});
