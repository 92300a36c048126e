import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const page = join(root, "docs/cycles.md");
const text = readFileSync(page, "utf8");

describe("docs/cycles.md", () => {
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
