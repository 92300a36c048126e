import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const page = join(root, "docs/cycles.md");
const text = readFileSync(page, "utf8");

describe("docs/cycles.md", () => {
  const cited = [...text.matchAll(/`([^`]+\.test\.ts)` "([^"]+)"/g)].map(([, file = "", words = ""]) => [file, words]);

  it.each(cited)("%s has a test with the words %s in its title", (file = "", words = "") => {
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    const isTitle = (line: string, at: number): boolean =>
      /\b(it|describe|test)[.(]|^\s*["'`]|^\s*\]\)\(|^\s*\[\s*"/.test(line) ||
      /\b(it|describe)[.(]/.test(lines[at - 1] ?? "");
    expect(lines.some((line, at) => line.includes(words) && isTitle(line, at))).toBe(true);
  });

  it("has a row for every defect and feature of the study", () => {
    const defects = Array.from({ length: 29 }, (_, at) => `D${String(at + 1).padStart(2, "0")}`);
    const rows = [...text.matchAll(/^\| ([^|]+?) +\|/gm)].flatMap(([, cell = ""]) => cell.split(", "));
    const wanted = [...defects.filter((row) => row !== "D11" && row !== "D25"), "D11b", "L1", "L2", "L3", "L4"];
    const features = Array.from({ length: 42 }, (_, at) => String(at + 1));
    expect([...wanted, ...features].filter((row) => !rows.includes(row))).toEqual([]);
  });

  it("links to files that exist", () => {
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = ""]) => link);
    expect(links.filter((link) => !existsSync(join(dirname(page), link)))).toEqual([]);
  });
});
