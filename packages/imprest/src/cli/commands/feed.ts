import { AspClient, AspError } from "@imprest/asp";
import { TransportError, systemClock } from "@imprest/core";
import { sleep } from "@imprest/core/internal";
import { type Command, UsageError, readArguments, textOf, wholeOf } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { readText } from "../read-text.ts";
import type { Terminal } from "../terminal.ts";

const help = `Usage: imprest feed ORIGIN [options]

Writes a tenant's signed ASP events, as they came, one a line: for imprest verify, or to be kept.

  --since N            go on after the Nth event, as standard error says at the end
  --follow             wait for what comes, until it is stopped (Ctrl-C); a lost connection is
                       waited for, too
  --api-key-file FILE  the tenant's key; the variable ASP_API_KEY without it
  --allow-insecure     the key may travel in the clear, on a network of your own

Exit code: 0 the end was reached or it was stopped, 2 the feed cannot be read.
`;

/** Between attempts to reach an authority that was lost. */
const againMs = 5_000;

export const feed: Command = {
  help,
  async run(args, terminal) {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    const options = { since: text, "api-key-file": text, follow: flag, "allow-insecure": flag } as const;
    const { values, positionals } = readArguments(args, options, 1);
    const [baseUrl] = positionals;
    if (baseUrl === undefined) throw new UsageError("Name the authority: imprest feed https://authority.example.com.");
    const client = new AspClient({
      baseUrl,
      apiKey: await readApiKey(textOf(values, "api-key-file"), terminal),
      allowInsecureHttp: values["allow-insecure"] === true,
    });
    const follow = values["follow"] === true;
    let read = wholeOf(values, "since", Number.MAX_SAFE_INTEGER) ?? 0;
    const { signal } = terminal;
    try {
      for (;;) {
        try {
          for await (const { number, line } of client.events({ since: read, follow, signal })) {
            await terminal.write(`${line}\n`);
            read = number;
          }
          return ExitCode.clean;
        } catch (error) {
          if (signal.aborted && follow) return ExitCode.clean;
          if (!follow || !mayPass(error)) throw error;
          terminal.warn(`imprest feed: ${error.message} Asking again after ${read}.\n`);
          await sleep(systemClock, againMs, signal).catch(() => {});
          if (signal.aborted) return ExitCode.clean;
        }
      }
    } finally {
      terminal.warn(`read up to ${read}: --since ${read} goes on.\n`);
    }
  },
};

/** What a restart of the authority, or of the network, may mend. */
function mayPass(error: unknown): error is Error {
  return TransportError.isInstance(error) || (AspError.isInstance(error) && (error.status ?? 0) >= 500);
}

async function readApiKey(path: string | undefined, terminal: Terminal): Promise<string> {
  if (path !== undefined) return (await readText(path, terminal)).trim();
  const key = terminal.environment["ASP_API_KEY"]?.trim();
  if (key !== undefined && key !== "") return key;
  throw new UsageError("Give the tenant's key with --api-key-file FILE, or in ASP_API_KEY.");
}
