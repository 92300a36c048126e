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

  it("its README links to nothing outside the package but by a whole address", () => {
    const targets = Array.from(read("README.md").matchAll(/\]\(([^)\s]+)/g), ([, target = ""]) => target);
    expect(targets.filter((target) => target.startsWith(".."))).toEqual([]);
  });
});
