import { ConfigurationError } from "@imprest/core";
import { hex, utf8 } from "@imprest/core/internal";
import type { ModelPrices } from "../prices/model-prices.ts";
import { nameFinder } from "../prices/names.ts";
import type { Draft } from "./draft.ts";

/** Where a price file comes from. */
export interface PriceFileOptions {
  /** Its URL or path, as a reader of the table should find it. */
  readonly from: string;
  /** The day for which the prices are taken: `2026-11-28`. */
  readonly date: string;
  /**
   * Only these models; default: every one in the file. A name without `-latest`, the date of a snapshot or the provider in
   * front is found where it is the name of one row. As an object: rows of the file by your own names of them.
   */
  readonly models?: readonly string[] | Readonly<Record<string, string>> | undefined;
}

/** A row that was left out, or a model that was asked for and is not in the file. */
export interface RefusedRow {
  readonly model: string;
  /** The members that have no place in a price table; none where the row has no price. */
  readonly members: readonly string[];
  readonly reason: string;
}

/** A price file as a table for `createPriceTable`, plain JSON that a repository can keep. */
export interface ConvertedPrices {
  readonly source: {
    readonly format: string;
    readonly from: string;
    readonly date: string;
    /** SHA-256 of the file's bytes in UTF-8, in hexadecimal. */
    readonly sha256: string;
  };
  readonly models: Readonly<Record<string, ModelPrices>>;
  /** The row of the file that a model was read from, for each that was asked for. */
  readonly rows: Readonly<Record<string, string>>;
  readonly refused: readonly RefusedRow[];
}

/** A model's name, how to read its row, and what else the file calls it. */
export type Row = readonly [model: string, read: (draft: Draft) => void, aliases?: readonly string[]];

/** Reads the rows that are asked for, each as a whole or not at all. */
export async function convert(
  format: string,
  text: string,
  { from, date, models }: PriceFileOptions,
  rows: readonly Row[],
  draft: () => Draft,
): Promise<ConvertedPrices> {
  const { found, missing } = choose(rows, models);
  const results = found.map(({ model, read }) => {
    const prices = draft();
    read(prices);
    return { model, members: prices.unknown, table: prices.build() };
  });
  const converted = results.flatMap(({ model, members, table }): [string, ModelPrices][] =>
    table !== undefined && members.length === 0 ? [[model, table]] : [],
  );
  const refused = results.flatMap(({ model, members, table }): RefusedRow[] => {
    if (members.length > 0) return [{ model, members, reason: `has no place for ${members.join(", ")}` }];
    return table === undefined ? [{ model, members: [], reason: "names no price" }] : [];
  });
  const bytes = utf8(text).slice();
  const sha256 = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  return {
    source: { format, from, date, sha256 },
    models: Object.fromEntries(converted),
    rows: models === undefined ? {} : Object.fromEntries(found.map(({ model, row }) => [model, row])),
    refused: [...refused, ...missing],
  };
}

interface Chosen {
  readonly model: string;
  /** Its name in the file. */
  readonly row: string;
  readonly read: Row[1];
}

function choose(
  rows: readonly Row[],
  models: PriceFileOptions["models"],
): { readonly found: readonly Chosen[]; readonly missing: readonly RefusedRow[] } {
  if (models === undefined) return { found: rows.map(([row, read]) => ({ model: row, row, read })), missing: [] };
  const byName = new Map(rows.map(([row, read]) => [row, read]));
  const aliases = rows.flatMap(([row, , names = []]) => names.map((name) => [name, row] as const));
  const find = nameFinder([...byName.keys()], Object.fromEntries(aliases));
  const asked = Array.isArray(models) ? models.map((name: string) => [name, name] as const) : Object.entries(models);
  const found: Chosen[] = [];
  const missing: RefusedRow[] = [];
  for (const [model, name] of asked) {
    const known = find(name);
    const names = known === undefined ? [...byName.keys()].filter((row) => row.endsWith(`/${name}`)) : [known];
    const [row = "", another] = names;
    const read = another === undefined ? byName.get(row) : undefined;
    if (read !== undefined) found.push({ model, row, read });
    else missing.push({ model, members: [], reason: reasonOf(names) });
  }
  return { found, missing };
}

/** Enough to choose from. */
const mostNames = 5;

function reasonOf(names: readonly string[]): string {
  if (names.length === 0) return "is not in the file";
  const listed = names.slice(0, mostNames).join(", ");
  return `may be one of ${names.length}: ${listed}${names.length > mostNames ? " …" : ""}`;
}

/** @throws ConfigurationError for text that is no JSON. */
export function parseFile(format: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigurationError(`The ${format} file is no JSON.`, { cause });
  }
}

/** @throws ConfigurationError for a file of another form. */
export function wrongForm(format: string): never {
  throw new ConfigurationError(`The file has not the form of ${format}.`);
}
