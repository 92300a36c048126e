import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { workspacePackages } from "../../tools/packages.ts";

const packages = workspacePackages();

describe.each(packages)("$name, as a registry shows it", ({ path, folder }) => {
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");

  it("says where its source is", () => {
    expect(JSON.parse(read("package.json"))).toMatchObject({
      license: "Apache-2.0",
      repository: {
        type: "git",
        url: "git+https://github.com/imprest/imprest.git",
        directory: path,
      },
    });
  });

  it("says where its pages are, where a fault is reported, and by which words it is found", () => {
    const manifest = JSON.parse(read("package.json")) as { readonly keywords: readonly string[] };
    expect(manifest).toMatchObject({
      homepage: `https://github.com/imprest/imprest/tree/main/${path}#readme`,
      bugs: "https://github.com/imprest/imprest/issues",
    });
    expect(manifest.keywords).toEqual(expect.arrayContaining(["ai-agents", "spend"]));
    expect(new Set(manifest.keywords).size).toBe(manifest.keywords.length);
    expect(manifest.keywords.length).toBeGreaterThan(4);
  });

  it("is published for all, with a statement of where it was built", () => {
    const { publishConfig } = JSON.parse(read("package.json")) as { readonly publishConfig: object };
    expect(publishConfig).toMatchObject({ access: "public", provenance: true });
  });

  it("stands in the tables of ARCHITECTURE.md and of the README of the repository", () => {
    const root = resolve(import.meta.dirname, "../..");
    expect(readFileSync(join(root, "ARCHITECTURE.md"), "utf8")).toMatch(
      new RegExp(`^\\|.*\`${path.replace("packages/", "")}\`.*\\|.*\\|.*\\|$`, "m"),
    );
    expect(readFileSync(join(root, "README.md"), "utf8")).toContain(`](${path})`);
  });

  it("its README links to nothing outside the package but by a whole address", () => {
    const targets = Array.from(read("README.md").matchAll(/\]\(([^)\s]+)/g), ([, target = ""]) => target);
    expect(targets.filter((target) => target.startsWith(".."))).toEqual([]);
  });
});

it("all packages have one version, which changesets raise together", () => {
  const text = readFileSync(resolve(import.meta.dirname, "../../.changeset/config.json"), "utf8");
  const { fixed } = JSON.parse(text) as { readonly fixed: readonly (readonly string[])[] };
  expect(fixed.map((group) => group.toSorted())).toEqual([packages.map(({ name }) => name).toSorted()]);
});

it.each(["packages/arcp/src/session/connect.ts", "packages/imprest/src/cli/arcp/session.ts"])(
  "%s names the version that is released to the runtimes it meets",
  (file) => {
    const root = resolve(import.meta.dirname, "../..");
    const { version } = JSON.parse(readFileSync(join(root, "packages/arcp/package.json"), "utf8")) as {
      readonly version: string;
    };
    expect(readFileSync(join(root, file), "utf8")).toContain(`version: "${version}" }`);
  },
);
