import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { workspacePackages } from "../../tools/packages.ts";

// What a contributor reads and what the workflows run: both name things of this repository.

const root = resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };

it("the form for a fault offers every package", () => {
  const { body } = parse(read(".github/ISSUE_TEMPLATE/bug.yml")) as {
    readonly body: readonly { readonly id?: string; readonly attributes: { readonly options?: readonly string[] } }[];
  };
  const options = body.find(({ id }) => id === "package")?.attributes.options ?? [];
  expect(options.toSorted()).toEqual(
    workspacePackages()
      .map(({ name }) => name)
      .toSorted(),
  );
});

it("the workflow of a change runs npm test, and lanes that are suites of tools/test.mjs", () => {
  const { jobs } = parse(read(".github/workflows/ci.yml")) as {
    readonly jobs: {
      readonly test: { readonly steps: readonly { readonly run?: string }[] };
      readonly lane: { readonly strategy: { readonly matrix: { readonly suite: readonly string[] } } };
    };
  };
  expect(jobs.test.steps.map(({ run }) => run)).toContain("npm test");
  const suites = read("tools/test.mjs");
  for (const suite of jobs.lane.strategy.matrix.suite) expect(suites).toMatch(new RegExp(`^  ${suite}: \\[`, "m"));
});

it("the release workflow publishes with provenance, and with the toolchain of the repository", () => {
  const text = read(".github/workflows/release.yml");
  const { permissions } = parse(text) as { readonly permissions: Readonly<Record<string, string>> };
  expect(permissions).toMatchObject({ "id-token": "write" });
  const toolchain = read("tools/with-toolchain.mjs");
  for (const [, name = "", version = ""] of toolchain.matchAll(/--package=(node|pnpm)@([\d.]+)/g)) {
    expect(text, name).toContain(version);
  }
  for (const [, script = ""] of text.matchAll(/pnpm (?:run )?([a-z]+(?::[a-z]+)*)\b/g)) {
    if (!["install", "pack"].includes(script)) expect(scripts, script).toHaveProperty([script]);
  }
});

it.each(["CONTRIBUTING.md", "docs/releasing.md"])(
  "every command that %s gives is a script of the repository",
  (page) => {
    const commands = Array.from(read(page).matchAll(/`pnpm (?:run )?([a-z][a-z:]+)/g), ([, name = ""]) => name);
    const own = ["install", "exec", "vitest", "changeset"];
    expect(commands.filter((name) => !own.includes(name) && scripts[name] === undefined)).toEqual([]);
    expect(commands.length).toBeGreaterThan(1);
  },
);
