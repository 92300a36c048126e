import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtPackages, packAll } from "./support/pack.ts";

// What publishing tools say of the tarballs.

const packages = builtPackages();
const folder = mkdtempSync(join(tmpdir(), "imprest-published-"));
let tarballs: ReadonlyMap<string, string>;

beforeAll(async () => {
  tarballs = await packAll(packages, folder);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Resolutions that an ESM-only package does not serve: CommonJS without require(esm), and TypeScript's oldest. */
const unserved: ReadonlySet<string> = new Set(["node10", "node16-cjs"]);

describe.each(packages)("the tarball of $name", ({ name }) => {
  const bytesOf = (): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(tarballs.get(name) ?? ""));

  it("satisfies publint --strict", async () => {
    const { messages, pkg } = await publint({ strict: true, pack: { tarball: bytesOf().buffer } });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it("has types that are right for every resolution of ESM", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(bytesOf()));
    const problems = "problems" in analysis ? analysis.problems : [{ kind: "no types" }];
    const served = problems.filter(
      (problem) =>
        !("resolutionKind" in problem && unserved.has(String(problem.resolutionKind))) &&
        problem.kind !== "CJSResolvesToESM",
    );
    expect(served).toEqual([]);
  });
});
