import { ConfigurationError } from "@imprest/core";
import { hex, utf8 } from "@imprest/core/internal";
import type { ModelPrices } from "../prices/model-prices.ts";
import type { Draft } from "./draft.ts";

/** Where a price file comes from. */
export interface PriceFileOptions {
  /** Its URL or path, as a reader of the table should find it. */
  readonly from: string;
  /** The day for which the prices are taken: `2026-11-28`. */
  readonly date: string;
  /** Only these models; default: every one in the file. */
  readonly models?: readonly string[] | undefined;
}

/** A row that was left out. */
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
  readonly refused: readonly RefusedRow[];
}

/** A model's name and how to read its row. */
export type Row = readonly [model: string, read: (draft: Draft) => void];

/** Reads the rows that are asked for, each as a whole or not at all. */
export async function convert(
  format: string,
  text: string,
  { from, date, models }: PriceFileOptions,
  rows: readonly Row[],
  draft: () => Draft,
): Promise<ConvertedPrices> {
  const asked = models === undefined ? undefined : new Set(models);
  const read = rows
    .filter(([model]) => asked?.has(model) ?? true)
    .map(([model, readRow]) => {
      const prices = draft();
      readRow(prices);
      return { model, prices };
    });
  const results = read.map(({ model, prices }) => ({ model, members: prices.unknown, table: prices.build() }));
  const converted = results.flatMap(({ model, members, table }): [string, ModelPrices][] =>
    table !== undefined && members.length === 0 ? [[model, table]] : [],
  );
  const refused = results.flatMap(({ model, members, table }): RefusedRow[] => {
    if (members.length > 0) return [{ model, members, reason: `has no place for ${members.join(", ")}` }];
    return table === undefined ? [{ model, members: [], reason: "names no price" }] : [];
  });
  const bytes = utf8(text).slice();
  const sha256 = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  return { source: { format, from, date, sha256 }, models: Object.fromEntries(converted), refused };
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
