import { type Command, UsageError } from "../command.ts";
import { checkPrices } from "../prices/check.ts";
import { pullPrices } from "../prices/pull.ts";

const help = `Usage: imprest prices pull MODEL… [options]
       imprest prices check [FILE] [options]

Keeps the prices of your models in a file of your repository, which createPriceTable takes:
  import prices from "./prices.json" with { type: "json" };

pull: takes models from a public price file; other entries of yours stay as they are. Review the
difference before you commit it: the public files are made by volunteers.
  MODEL, or NAME=MODEL   a model by the file's name of it, or under a name of your own
  --from FILE|URL        LiteLLM's, models.dev's or genai-prices' file; LiteLLM's by default
  --out FILE             prices.json by default; - for standard output
check: compares FILE (prices.json) with what the public files have now, a line for each model
that differs. An entry without its source is your own, and is left alone.
  --from FILE|URL        this file, rather than the one that each entry came from
Both:
  --date YYYY-MM-DD      the day whose prices count; today by default

A URL is fetched once, without redirects, 32 MB at most, in a minute at most.
Exit code: 0 clean, 1 a model was refused or differs, 2 the input cannot be used.
`;

const subcommands: Readonly<Record<string, Command["run"]>> = { pull: pullPrices, check: checkPrices };

export const prices: Command = {
  help,
  async run([name, ...rest], terminal) {
    const subcommand = name !== undefined && Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
    if (subcommand === undefined) throw new UsageError(`Say what to do: ${Object.keys(subcommands).join(", ")}.`);
    return await subcommand(rest, terminal);
  },
};
