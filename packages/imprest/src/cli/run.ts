import { readFile } from "node:fs/promises";
import { ImprestError } from "@imprest/core/internal/verify";
import { type Command, UsageError } from "./command.ts";
import { ExitCode } from "./exit-code.ts";
import { Stopped, type Terminal } from "./terminal.ts";

/** What each command says of itself in the list, and where it is: only the one that is asked for is loaded. */
const commands: ReadonlyMap<string, { readonly summary: string; readonly load: () => Promise<Command> }> = new Map(
  Object.entries({
    demo: {
      summary: "watch a budget stop an agent, with no account and no network",
      load: async () => (await import("./commands/demo.ts")).demo,
    },
    run: {
      summary: "run a program in any language under a budget",
      load: async () => (await import("./commands/run.ts")).run,
    },
    serve: {
      summary: "serve a budget authority on this machine",
      load: async () => (await import("./commands/serve.ts")).serve,
    },
    console: {
      summary: "look at budgets, reservations and denials in a browser",
      load: async () => (await import("./commands/console.ts")).consoleCommand,
    },
    ledger: {
      summary: "check or back up the ledger's file of an authority",
      load: async () => (await import("./commands/ledger.ts")).ledger,
    },
    evidence: {
      summary: "verify signed Cycles evidence",
      load: async () => (await import("./commands/evidence.ts")).evidence,
    },
    feed: {
      summary: "read a tenant's signed ASP events",
      load: async () => (await import("./commands/feed.ts")).feed,
    },
    verify: {
      summary: "verify and audit a feed of ASP events",
      load: async () => (await import("./commands/verify.ts")).verify,
    },
    balance: {
      summary: "show balances at the configured authority",
      load: async () => (await import("./commands/balance.ts")).balance,
    },
    prices: {
      summary: "keep the prices of your models in a file of your own",
      load: async () => (await import("./commands/prices.ts")).prices,
    },
    doctor: {
      summary: "say what is wrong with the configured authority",
      load: async () => (await import("./commands/doctor.ts")).doctor,
    },
    arcp: {
      summary: "submit, follow and cancel the jobs of an ARCP runtime",
      load: async () => (await import("./commands/arcp.ts")).arcp,
    },
  }),
);

/** Runs `imprest ARGS…`. @returns the exit code; never rejects for what a user can do. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "help") {
    await terminal.write(overview());
    return name === undefined ? ExitCode.unusable : ExitCode.clean;
  }
  if (name === "--version" || name === "version") {
    await terminal.write(`${await version()}\n`);
    return ExitCode.clean;
  }
  const listed = commands.get(name);
  if (listed === undefined) {
    terminal.warn(`imprest: there is no command "${name}". Try: imprest help\n`);
    return ExitCode.unusable;
  }
  const command = await listed.load();
  // Behind "--" it is another program's.
  if (rest.slice(0, rest.includes("--") ? rest.indexOf("--") : undefined).includes("--help")) {
    await terminal.write(command.help);
    return ExitCode.clean;
  }
  try {
    return await command.run(rest, terminal);
  } catch (error) {
    if (terminal.signal.aborted) {
      const reason: unknown = terminal.signal.reason;
      return reason instanceof Stopped ? reason.exitCode : ExitCode.unusable;
    }
    terminal.warn(`imprest ${name}: ${explain(error)}\n`);
    if (error instanceof UsageError) terminal.warn(`Try: imprest ${name} --help\n`);
    return ExitCode.unusable;
  }
}

/** As the package that is run says it. */
async function version(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { readonly version: string }).version;
}

function overview(): string {
  const list = Array.from(commands, ([command, { summary }]) => `  ${command.padEnd(10)}${summary}`).join("\n");
  return `Usage: imprest COMMAND [options]\n\n${list}\n\nimprest COMMAND --help says more; imprest --version says which this is.\nExit code: 0 clean, 1 findings, 2 unusable input.\n`;
}

function explain(error: unknown): string {
  if (ImprestError.isInstance(error) || error instanceof UsageError) return error.message;
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.message;
  return error instanceof Error ? `unexpected: ${error.message}` : "unexpected failure";
}
