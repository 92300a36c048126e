import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const packages = resolve(import.meta.dirname, "../../packages");

describe.each(readdirSync(packages))("@imprest/%s, as a registry shows it", (name) => {
  const read = (file: string): string => readFileSync(join(packages, name, file), "utf8");

  it("says where its source is", () => {
    expect(JSON.parse(read("package.json"))).toMatchObject({
      name: `@imprest/${name}`,
      license: "Apache-2.0",
      repository: {
        type: "git",
        url: "git+https://github.com/imprest/imprest.git",
        directory: `packages/${name}`,
      },
    });
  });

  it("is published for all, with a statement of where it was built", () => {
    const { publishConfig } = JSON.parse(read("package.json")) as { readonly publishConfig: object };
    expect(publishConfig).toMatchObject({ access: "public", provenance: true });
  });

  it("its README links to nothing outside the package but by a whole address", () => {
    const targets = Array.from(read("README.md").matchAll(/\]\(([^)\s]+)/g), ([, target = ""]) => target);
    expect(targets.filter((target) => target.startsWith(".."))).toEqual([]);
  });
});

it("all packages have one version, which changesets raise together", () => {
  const text = readFileSync(join(packages, "../.changeset/config.json"), "utf8");
  const { fixed } = JSON.parse(text) as { readonly fixed: readonly (readonly string[])[] };
  expect(fixed.map((group) => group.toSorted())).toEqual([readdirSync(packages).map((name) => `@imprest/${name}`)]);
});
