import { UsageError, type Values, textsOf, wholeOf } from "../command.ts";
import type { Terminal } from "../terminal.ts";
import type { OpenConsole, OpenConsoleOptions } from "./open-console.ts";
import type { ConsoleSource } from "./source.ts";

/** The options of a command that can show the console. */
export const consoleOptions = {
  console: { type: "boolean" },
  "console-port": { type: "string" },
  records: { type: "string", multiple: true },
} as const;

/** What was asked for; `undefined` where no console was. @throws UsageError for an option that needs one. */
export function askedConsole(values: Values): Omit<OpenConsoleOptions, "source"> | undefined {
  const port = wholeOf(values, "console-port", 65_535);
  const records = textsOf(values, "records");
  if (values["console"] === true) return { port, records };
  if (port === undefined && records.length === 0) return undefined;
  throw new UsageError(`--${port === undefined ? "records" : "console-port"} is for the console; add --console.`);
}

/** Opens the console, and shows its link on the terminal: the one place where it stands. */
export async function showConsole(
  source: ConsoleSource,
  asked: Omit<OpenConsoleOptions, "source">,
  terminal: Terminal,
): Promise<OpenConsole> {
  const { openConsole } = await import("./open-console.ts");
  const opened = await openConsole({ ...asked, source });
  await terminal.write(`The console, for one browser, once: ${opened.link}\n`);
  return opened;
}
