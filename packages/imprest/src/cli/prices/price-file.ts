import { type ModelPrices, createPriceTable } from "@imprest/llm";
import { UsageError } from "../command.ts";
import { readJson } from "../read-json.ts";
import type { Terminal } from "../terminal.ts";

/** A price file of the user's repository: what `createPriceTable` takes. */
export type PriceFile = Readonly<Record<string, ModelPrices>>;

/** @throws UsageError for what is no price table, ConfigurationError naming the entry that is none. */
export async function readPriceFile(path: string, terminal: Terminal): Promise<PriceFile> {
  const file = await readJson(path, terminal);
  const isTable = isObject(file) && Object.values(file).every(isObject);
  if (!isTable) throw new UsageError(`${path} is no price table: an object with an entry for each model.`);
  createPriceTable(file as PriceFile);
  return file as PriceFile;
}

export async function writePriceFile(path: string, file: PriceFile, terminal: Terminal): Promise<void> {
  createPriceTable(file);
  const text = `${JSON.stringify(file, undefined, 2)}\n`;
  if (path === "-") return terminal.write(text);
  const output = terminal.create(path);
  await output.write(text);
  await output.close();
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
