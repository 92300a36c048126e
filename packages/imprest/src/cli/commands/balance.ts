import { type Amount } from "@imprest/core";
import { stringifyJson, subjectLevels } from "@imprest/core/internal";
import { CyclesClient } from "@imprest/cycles";
import { writeAmount } from "../amount-text.ts";
import { type Command, UsageError, formatOf, readArguments, textOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";

const help = `Usage: imprest balance [options]

Shows the balances of a scope at the authority that CYCLES_BASE_URL and CYCLES_API_KEY name.

  --tenant NAME --workspace NAME --app NAME --workflow NAME --agent NAME --toolset NAME
                     the scope; CYCLES_TENANT when none is given
  --children         what is beneath it too
  --format text|json
`;

export const balance: Command = {
  help,
  async run(args, terminal) {
    const text = Object.fromEntries(subjectLevels.map((level) => [level, { type: "string" as const }]));
    const options = { ...text, children: { type: "boolean" as const }, format: { type: "string" as const } };
    const { values } = readArguments(args, options, 0);
    const format = formatOf(values);
    const client = CyclesClient.fromEnv({}, terminal.environment);
    const scope = Object.fromEntries(
      subjectLevels.map((level) => [level, textOf(values, level)]).filter(([, name]) => name),
    );
    const tenant = terminal.environment["CYCLES_TENANT"];
    if (Object.keys(scope).length === 0 && tenant) scope["tenant"] = tenant;
    if (Object.keys(scope).length === 0)
      throw new UsageError("Name a scope, such as --tenant acme, or set CYCLES_TENANT.");
    const query = { ...scope, ...(values["children"] === true && { include_children: true }) };
    for await (const found of client.getBalances(query, { signal: terminal.signal })) {
      await terminal.write(format === "json" ? `${stringifyJson(found)}\n` : describe(found));
    }
    return ExitCode.clean;
  },
};

interface Shown {
  readonly scope_path: string;
  readonly remaining: Amount;
  readonly allocated?: Amount | undefined;
  readonly spent?: Amount | undefined;
  readonly reserved?: Amount | undefined;
  readonly debt?: Amount | undefined;
  readonly is_over_limit?: boolean | undefined;
}

function describe(found: Shown): string {
  const parts = (["allocated", "spent", "reserved", "debt"] as const).flatMap((name) => {
    const value = found[name];
    return value === undefined ? [] : [`${name} ${writeAmount(value)}`];
  });
  const flag = found.is_over_limit === true ? "  OVER LIMIT" : "";
  return `${found.scope_path}\n  remaining ${writeAmount(found.remaining)}  (${parts.join(", ")})${flag}\n`;
}
