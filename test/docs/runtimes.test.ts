import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { checks } from "../runtimes/suite.ts";

const root = resolve(import.meta.dirname, "../..");
const page = readFileSync(resolve(root, "RUNTIMES.md"), "utf8");
const versionsIn = (file: string): string[] => readFileSync(resolve(root, file), "utf8").match(/\d+\.\d+\.\d+/g) ?? [];

describe("RUNTIMES.md", () => {
  it("names the versions that are run", () => {
    const { dependencies: _, ...brought } = JSON.parse(
      readFileSync(resolve(root, "test/runtimes/package.json"), "utf8"),
    ) as Record<string, Readonly<Record<string, string>>>;
    const versions = Object.values({ ...brought["devDependencies"], ...brought["optionalDependencies"] });
    for (const version of versions) expect(page).toContain(version.replace(/^.*@/, ""));
    expect(page).toContain(versionsIn("tools/with-toolchain.mjs").find((version) => version.startsWith("24.")));
  });

  it("lists what the suite checks, and nothing else", () => {
    const listed = [...page.matchAll(/^- (.*)$/gm)].map(([, name]) => name);
    expect(listed).toEqual(Object.keys(checks));
  });
});
