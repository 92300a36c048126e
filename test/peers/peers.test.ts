import { denialOf } from "@imprest/llm";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openBench } from "./books.ts";
import { versions } from "./install.ts";
import { type Result, type Row, concerns, play, rows, socketRows, tableOf } from "./matrix.ts";
import { loadSdks } from "./sdks.ts";

// Each SDK, used as its own documentation says, over guardFetch, before a provider with books of its own that fails in every
// way that a provider fails. The SDKs are installed beside the repository: see versions.json.

const sdks = await loadSdks();
const page = resolve(import.meta.dirname, "../../docs/model-sdks.md");

/** Most of the time is the SDKs' own waiting before they try again, so that all rows wait together. */
async function playAll(chosen: readonly Row[], isServed: boolean): Promise<ReadonlyMap<string, readonly Result[]>> {
  const results = sdks.map(async (sdk) => {
    const concerning = chosen.filter((row) => concerns(sdk, row));
    const ofSdk = await Promise.all(concerning.map((row) => play(sdk, row, isServed)));
    return [sdk.name, ofSdk] as const;
  });
  return new Map(await Promise.all(results));
}

describe.each([
  { way: "in the process", chosen: rows, isServed: false },
  { way: "over sockets", chosen: socketRows, isServed: true },
])("$way", ({ chosen, isServed }) => {
  let results: ReadonlyMap<string, readonly Result[]>;
  beforeAll(async () => {
    results = await playAll(chosen, isServed);
  }, 200_000);

  const resultOf = (name: string, row: Row): Result => {
    const result = results.get(name)?.find((one) => one.row === row);
    if (!result) throw new Error("the row was not played");
    return result;
  };

  describe.each(sdks)("$name", (sdk) => {
    const { name } = sdk;
    const concerning = chosen.filter((row) => concerns(sdk, row));
    it.each(concerning)("$event, $how: the ledger is not below the bill, and nothing is held or lost", (row) => {
      const { bill, spent, reserved, deadLetters, arrived, error } = resultOf(name, row);
      if (!row.refused) expect(arrived).toBeGreaterThan(0);
      if (row.event === "answered") expect(error).toBeUndefined();
      expect({ reserved, deadLetters }).toEqual({ reserved: 0n, deadLetters: [] });
      expect(spent).toBeGreaterThanOrEqual(bill);
      if (row.books === "equal") expect(spent).toBe(bill);
    });

    it.each(concerning.filter(({ refused }) => refused))(
      "$event, $how: found in the error after one attempt",
      (row) => {
        const { error, attempts, arrived } = resultOf(name, row);
        expect({ attempts, arrived }).toEqual({ attempts: 1, arrived: 0 });
        const codes = { budget: "BUDGET_EXCEEDED", price: "UNPRICED_MODEL", body: "UNREADABLE_REQUEST" };
        expect(denialOf(error)?.reasonCode).toBe(row.refused && codes[row.refused]);
      },
    );
  });

  if (isServed || versions === "lowest") return;
  it("the table in the docs is what the SDKs do", () => {
    const text = readFileSync(page, "utf8");
    const table = /(?<=<!-- table of test\/peers -->\n\n)[^]*?(?=\n\n<!-- end of the table -->)/;
    const current = table.exec(text)?.[0] ?? "";
    const cells = (markdown: string): string[][] =>
      markdown.split("\n").map((line) => line.split("|").map((cell) => cell.trim().replace(/^-+$/, "-")));
    const played = tableOf(results);
    if (process.env["PEERS_WRITE"] === "1")
      writeFileSync(
        page,
        text.replace(table, () => played),
      );
    else expect(cells(current), "pnpm test:peers --write").toEqual(cells(played));
  });
});

const others = sdks.flatMap(({ name, model, also = {} }) =>
  Object.entries(also).map(([what, use]) => ({ name, model, what, use })),
);

it.each(others)("$name, $what: the ledger equals the bill", async ({ model, use }) => {
  const bench = await openBench();
  await use({ ...bench, model, prompt: "Say what you are.", maxTokens: 400 });
  expect(bench.provider.bill.amount).toBeGreaterThan(0n);
  expect(await bench.closed()).toEqual({ spent: bench.provider.bill, reserved: 0n, deadLetters: [] });
});
