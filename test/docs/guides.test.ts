import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { aspAddedErrorCodes, aspDraftErrorCodes } from "@imprest/core/models/asp";
import { arcpErrorCodes } from "@imprest/core/models/arcp";
import { errorCodes } from "@imprest/core/models/cycles";
import { describe, expect, it } from "vitest";
import { workspacePackages } from "../../tools/packages.ts";

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const filesIn = (folder: string, end: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(end) && !file.includes("node_modules"))
    .map((file) => join(folder, file));

const pages = [...filesIn("docs", ".md"), "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];

describe("the guides", () => {
  it.each(filesIn("examples", ".ts").filter((file) => /^\/\/ (docs|packages)\//.test(read(file))))(
    "%s runs, and what it asserts holds",
    async (file) => {
      await run(process.execPath, ["--conditions=@imprest/source", file], { cwd: root });
    },
  );

  it("show what the examples run, to the letter", async () => {
    await run(process.execPath, ["tools/snippets.mjs", "--check"], { cwd: root });
  });

  it("hold no snippet of TypeScript that is not a region of an example", () => {
    // The stores' need a database, which their own tests bring.
    const readmes = filesIn("packages", "/README.md").filter((page) => !page.includes("/stores/"));
    for (const page of [...filesIn("docs", ".md"), ...readmes]) {
      const all = read(page).match(/^```ts$/gm)?.length ?? 0;
      const regions = read(page).match(/<!-- region \S+#\S+ -->\n\n```ts\n/g)?.length ?? 0;
      expect(`${page}: ${regions}`).toBe(`${page}: ${all}`);
    }
  });
});

it.each(pages)("%s links to nothing that is not there", (page) => {
  const targets = Array.from(read(page).matchAll(/\]\(([^)\s#]+)[^)\s]*\)/g), ([, target = ""]) => target);
  const missing = targets.filter(
    (target) => !/^https?:/.test(target) && !existsSync(join(root, dirname(page), target)),
  );
  expect(missing).toEqual([]);
});

it("docs/what-is-charged.md has the table that the rows of the settlement make", async () => {
  await run(process.execPath, ["tools/settlement-table.mjs", "--check"], { cwd: root });
});

describe("docs/troubleshooting.md", () => {
  const page = read("docs/troubleshooting.md");
  const rows = new Set(
    Array.from(page.matchAll(/^\|(.*?)\|/gm), ([, cell = ""]) => cell.match(/[A-Z0-9_]{3,}/g) ?? []).flat(),
  );
  const codesIn = (text: string): string[] => text.match(/(?<=")ERR_[A-Z0-9_]+(?=")/g) ?? [];
  /** Never seen by a caller: refusals on their way to a wire, and a code of Node's that the guarded fetch knows. */
  const internal = ["ERR_REFUSED", "ERR_ASP_REFUSAL", "ERR_UNKNOWN", "ERR_INVALID_URL"];

  it("has the table that the unions of codes make", async () => {
    await run(process.execPath, ["tools/error-codes.mjs", "--check"], { cwd: root });
  });

  it("has a row for every code that an error of ours has", () => {
    const sources = workspacePackages().flatMap(({ path }) => filesIn(`${path}/src`, ".ts"));
    const codes = new Set(sources.flatMap((file) => codesIn(read(file))));
    expect(codes.size).toBeGreaterThan(20);
    expect([...codes].filter((code) => !rows.has(code) && !internal.includes(code))).toEqual([]);
  });

  it.each([
    ["core", "core/src/errors/error-code.ts", "ImprestErrorCode"],
    ["ap2", "ap2/src/errors.ts", "AP2ErrorCode"],
    ["arcp", "arcp/src/errors.ts", "ArcpErrorCode"],
    ["embedded", "embedded/src/ledger/error-code.ts", "LedgerErrorCode"],
  ])("the union of %s names each code that its errors have", (name, file, union) => {
    const text = read(`packages/${file}`);
    const [declaration = ""] = new RegExp(`export type ${union} =[\\s\\S]+?";`).exec(text) ?? [];
    const named = codesIn(declaration);
    const sources = filesIn(`packages/${name}/src`, ".ts").map((one) => read(one).replace(declaration, ""));
    const used = new Set(sources.flatMap(codesIn).filter((code) => !internal.includes(code)));
    expect(named.length).toBeGreaterThan(1);
    expect(named.toSorted()).toEqual([...used].toSorted());
  });

  it("has no row for a code that no error has", () => {
    const sources = workspacePackages().flatMap(({ path }) => filesIn(`${path}/src`, ".ts"));
    const codes = new Set(sources.flatMap((file) => codesIn(read(file))));
    expect([...rows].filter((code) => code.startsWith("ERR_") && !codes.has(code))).toEqual([]);
  });

  it("has a row for every code of the protocols", () => {
    const codes = [...errorCodes, ...aspDraftErrorCodes, ...aspAddedErrorCodes, ...Object.keys(arcpErrorCodes)];
    expect(codes.filter((code) => !rows.has(code))).toEqual([]);
  });
});
