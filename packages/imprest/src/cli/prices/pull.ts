import type { ModelPrices } from "@imprest/llm";
import { type ConvertedPrices, convertPriceFile } from "@imprest/llm/convert";
import { type Command, UsageError, readArguments, textOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { printable } from "../printable.ts";
import type { Terminal } from "../terminal.ts";
import { changesOf } from "./changes.ts";
import { dayOf } from "./day.ts";
import { type PriceFile, readPriceFile, writePriceFile } from "./price-file.ts";
import { readPriceSource } from "./price-source.ts";

const liteLlmFile = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json";

/** Takes models from a public price file into the user's own. */
export const pullPrices: Command["run"] = async (args, terminal) => {
  const text = { type: "string" } as const;
  const { values, positionals } = readArguments(args, { from: text, out: text, date: text }, Number.POSITIVE_INFINITY);
  if (positionals.length === 0) throw new UsageError("Name the models whose prices you want, such as gpt-5.");
  const from = textOf(values, "from") ?? liteLlmFile;
  const out = textOf(values, "out") ?? "prices.json";
  const options = { from, date: dayOf(values), models: Object.fromEntries(positionals.map(namesOf)) };
  const before = out === "-" ? {} : await readExisting(out, terminal);
  const pulled = await convertPriceFile(await readPriceSource(from, terminal), options);
  const entries = Object.entries(pulled.models).map(([model, prices]) => [model, withSource(model, prices, pulled)]);
  if (entries.length > 0) await writePriceFile(out, { ...before, ...Object.fromEntries(entries) }, terminal);
  for (const line of report(before, pulled)) terminal.warn(`${line}\n`);
  terminal.warn(`${entries.length} of ${positionals.length} models from ${pulled.source.format}, ${from}\n`);
  return pulled.refused.length === 0 ? ExitCode.clean : ExitCode.findings;
};

/** `NAME`, or `NAME=ROW` where the file has another name for it. */
function namesOf(argument: string): readonly [model: string, row: string] {
  const at = argument.indexOf("=");
  const [model, row] = at < 0 ? [argument, argument] : [argument.slice(0, at), argument.slice(at + 1)];
  if (model === "" || row === "") throw new UsageError(`"${argument}" is neither MODEL nor NAME=MODEL.`);
  return [model, row];
}

async function readExisting(path: string, terminal: Terminal): Promise<PriceFile> {
  try {
    return await readPriceFile(path, terminal);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
}

function withSource(model: string, prices: ModelPrices, { source, rows }: ConvertedPrices): ModelPrices {
  const { format, from, date, sha256 } = source;
  return { ...prices, source: { format, from, row: rows[model] ?? model, date, sha256 } };
}

function report(before: PriceFile, { models, rows, refused }: ConvertedPrices): readonly string[] {
  const taken = Object.entries(models).map(([model, prices]) => {
    const name = rows[model] === model ? model : `${model} (there ${printable(rows[model] ?? "")})`;
    const was = Object.hasOwn(before, model) ? before[model] : undefined;
    const changes = was === undefined ? ["new"] : changesOf(was, prices);
    return `${name}: ${changes.length === 0 ? "unchanged" : printable(changes.join(", "))}`;
  });
  return [...taken, ...refused.map(({ model, reason }) => `${model}: refused, it ${printable(reason)}`)];
}
