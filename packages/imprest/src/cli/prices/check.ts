import type { ModelPrices } from "@imprest/llm";
import { convertPriceFile } from "@imprest/llm/convert";
import { type Command, readArguments, textOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { printable } from "../printable.ts";
import type { Terminal } from "../terminal.ts";
import { changesOf } from "./changes.ts";
import { dayOf } from "./day.ts";
import { type PriceFile, readPriceFile } from "./price-file.ts";
import { readPriceSource } from "./price-source.ts";

/** Compares the user's prices with what the public files say now. */
export const checkPrices: Command["run"] = async (args, terminal) => {
  const text = { type: "string" } as const;
  const { values, positionals } = readArguments(args, { from: text, date: text }, 1);
  const [path = "prices.json"] = positionals;
  const date = dayOf(values);
  const file = await readPriceFile(path, terminal);
  const pulled = Object.entries(file).filter(([, { source }]) => source?.["from"] !== undefined);
  const placeOf = ({ source }: ModelPrices): string => textOf(values, "from") ?? source?.["from"] ?? "";
  let differing = 0;
  for (const from of new Set(pulled.map(([, prices]) => placeOf(prices)))) {
    const entries = Object.fromEntries(pulled.filter(([, prices]) => placeOf(prices) === from));
    for (const line of await compare(entries, { from, date }, terminal)) {
      differing += 1;
      await terminal.write(`${line}\n`);
    }
  }
  const own = Object.keys(file).length - pulled.length;
  terminal.warn(`${differing} of ${pulled.length} models differ${own === 0 ? "" : `; ${own} of your own`}.\n`);
  return differing === 0 ? ExitCode.clean : ExitCode.findings;
};

/** A line for each model whose prices are others now, or are there no more. */
async function compare(
  file: PriceFile,
  options: { readonly from: string; readonly date: string },
  terminal: Terminal,
): Promise<readonly string[]> {
  const names = Object.entries(file).map(([model, { source }]) => [model, source?.["row"] ?? model] as const);
  const text = await readPriceSource(options.from, terminal);
  const { models, refused } = await convertPriceFile(text, { ...options, models: Object.fromEntries(names) });
  const changed = Object.entries(models).flatMap(([model, prices]: [string, ModelPrices]) => {
    const changes = changesOf(file[model] ?? {}, prices);
    return changes.length === 0 ? [] : [`${model}: ${changes.join(", ")}`];
  });
  return [...changed, ...refused.map(({ model, reason }) => `${model}: ${reason}`)].map(printable);
}
