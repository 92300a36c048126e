import { ConfigurationError } from "@imprest/core";
import { backupLedger, checkLedger } from "@imprest/embedded/node";
import { type Command, UsageError, readArguments } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { printable } from "../printable.ts";
import type { Terminal } from "../terminal.ts";

const help = `Usage: imprest ledger check FILE
       imprest ledger backup FILE TO

check   the pages of a ledger's file, the checksum of each entry, and the books: what a budget
        has reserved is what its active reservations hold. Changes nothing. Exit code 1: damaged.
backup  copies it whole to a new file, readable by its owner only, and checks the copy.

Both work while \`imprest serve --store FILE\` has it open.
`;

export const ledger: Command = {
  help,
  async run(args, terminal) {
    const { positionals } = readArguments(args, {}, 3);
    const [verb, file, to] = positionals;
    try {
      if (verb === "check" && file !== undefined && to === undefined) return await check(file, terminal);
      if (verb === "backup" && file !== undefined && to !== undefined) return await backup(file, to, terminal);
    } catch (error) {
      if (ConfigurationError.isInstance(error)) throw new UsageError(error.message, { cause: error });
      throw error;
    }
    throw new UsageError("Name what to do: check FILE, or backup FILE TO.");
  },
};

async function check(file: string, terminal: Terminal): Promise<number> {
  const { entries, budgets, reservations, findings } = await checkLedger(file);
  for (const finding of findings) await terminal.write(`  ${printable(finding)}\n`);
  const holds = `${entries} entries, ${budgets} of budgets, ${reservations} of reservations`;
  const isSound = findings.length === 0;
  terminal.warn(`${file}: ${holds}; ${isSound ? "sound" : "damaged: stop serving it and restore a copy"}.\n`);
  return isSound ? ExitCode.clean : ExitCode.findings;
}

async function backup(file: string, to: string, terminal: Terminal): Promise<number> {
  await backupLedger(file, to);
  return check(to, terminal);
}
