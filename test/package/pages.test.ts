import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { workspacePackages } from "../../tools/packages.ts";
import { packAll } from "./support/pack.ts";

// The pages that imprest serves, as they are in its tarball.

const folder = mkdtempSync(join(tmpdir(), "imprest-pages-"));
const pages = join(folder, "package/dist/web");

beforeAll(async () => {
  const imprest = workspacePackages().filter(({ name }) => name === "imprest");
  const tarball = (await packAll(imprest, folder)).get("imprest") ?? "";
  await promisify(execFile)("tar", ["-xzf", tarball, "-C", folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filesOf = (ending: RegExp): string[] =>
  readdirSync(pages, { recursive: true, encoding: "utf8" }).filter((file) => ending.test(file));

it("the console and the audit explorer are packed, with the licences of what is in them", () => {
  expect(filesOf(/\.html$/).toSorted()).toEqual(["console.html", "explorer.html"]);
  const licences = readFileSync(join(pages, "licenses.md"), "utf8");
  for (const name of ["preact", "@preact/signals-core", "uplot"])
    expect(licences.toLowerCase()).toContain(`## ${name} -`);
});

it("both pages weigh at most 120 kB together, gzipped", () => {
  const weights = filesOf(/\.(?:html|js|css|svg)$/).map((file) => gzipSync(readFileSync(join(pages, file))).length);
  const total = weights.reduce((sum, one) => sum + one, 0);
  expect(total).toBeGreaterThan(10_000);
  expect(total).toBeLessThanOrEqual(120_000);
});

it("every address in them is relative, and no script or style is inline", () => {
  for (const file of filesOf(/\.html$/)) {
    const text = readFileSync(join(pages, file), "utf8");
    const addresses = Array.from(text.matchAll(/(?:src|href)="([^"]+)"/g), ([, address = ""]) => address);
    expect(addresses.length).toBeGreaterThan(2);
    expect(addresses.filter((address) => !address.startsWith("./"))).toEqual([]);
    expect(text).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
  }
});
