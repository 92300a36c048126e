import type { CalendarUnit } from "@imprest/embedded/ledger";
import { UsageError, readArguments, textOf, wholeOf } from "../command.ts";

/** What `imprest run` was asked for. */
export interface RunOptions {
  readonly command: readonly string[];
  readonly limit: string;
  readonly every: CalendarUnit | undefined;
  readonly prices: string;
  readonly store: string | undefined;
  readonly server: string | undefined;
  readonly gauge: string | undefined;
  readonly extraInputTokens: number | undefined;
  readonly extraUnits: Readonly<Record<string, number>> | undefined;
  readonly keepsKeys: boolean;
  readonly stopsAtLimit: boolean;
}

const periods: readonly CalendarUnit[] = ["hour", "day", "week", "month"];

/** @throws UsageError naming what is missing or cannot be used. */
export function readRunOptions(args: readonly string[]): RunOptions {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const at = args.indexOf("--");
  const command = at === -1 ? [] : args.slice(at + 1);
  const known = { budget: text, every: text, prices: text, store: text, server: text, gauge: text } as const;
  const switches = { "keep-keys": flag, "on-limit": text, "extra-input-tokens": text, "extra-units": text } as const;
  const { values } = readArguments(at === -1 ? args : args.slice(0, at), { ...known, ...switches }, 0);
  if (command.length === 0) throw new UsageError("Name the program behind --, such as -- python3 agent.py.");
  const server = textOf(values, "server");
  const limit = textOf(values, "budget");
  if (server === undefined && limit === undefined) throw new UsageError("Give a budget, such as --budget USD:5.00.");
  const local = ["budget", "every", "store"].find((name) => values[name] !== undefined);
  if (server !== undefined && local !== undefined) {
    throw new UsageError(`--server keeps the budget, so --${local} has no meaning beside it.`);
  }
  const every = periods.find((one) => one === textOf(values, "every"));
  if (every === undefined && values["every"] !== undefined) throw new UsageError(`--every is ${periods.join(", ")}.`);
  const onLimit = textOf(values, "on-limit") ?? "answer";
  if (onLimit !== "answer" && onLimit !== "stop") throw new UsageError('--on-limit is "answer" or "stop".');
  return {
    command,
    limit: limit ?? "",
    every,
    prices: textOf(values, "prices") ?? "prices.json",
    store: textOf(values, "store"),
    server,
    gauge: textOf(values, "gauge"),
    extraInputTokens: wholeOf(values, "extra-input-tokens", 100_000_000),
    extraUnits: unitsOf(textOf(values, "extra-units")),
    keepsKeys: values["keep-keys"] === true,
    stopsAtLimit: onLimit === "stop",
  };
}

/** Reads `webSearch=10,fileSearch=5`. */
function unitsOf(text: string | undefined): Readonly<Record<string, number>> | undefined {
  if (text === undefined) return undefined;
  const counts = text.split(",").map((entry) => /^\s*(\w+)=(\d{1,9})\s*$/.exec(entry));
  if (counts.includes(null)) throw new UsageError("--extra-units names counts, such as webSearch=10.");
  return Object.fromEntries(counts.flatMap((match) => (match ? [[match[1] ?? "", Number(match[2])]] : [])));
}
