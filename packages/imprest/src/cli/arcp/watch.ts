import { type Command, formatOf, readArguments } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { follow } from "./follow.ts";
import { Screen } from "./screen.ts";
import { openSession, readAccess, readJobId, sessionOptions } from "./session.ts";

/** `imprest arcp watch`: looks, and cannot cancel (ARCP §7.6). */
export const watchJob: Command["run"] = async (args, terminal) => {
  const { values, positionals } = readArguments(args, sessionOptions, 1);
  const format = formatOf(values);
  const access = readAccess(values, terminal);
  const jobId = readJobId(positionals[0]);
  const screen = new Screen(terminal);
  const session = await openSession(access, terminal, { tell: (line) => screen.line(line) });
  try {
    const watched = await session.subscribe(jobId, { history: true, signal: terminal.signal });
    return await follow(watched, {
      terminal,
      screen,
      format,
      async interrupted() {
        screen.line("Interrupted: no longer watching; the job goes on.");
        return ExitCode.unusable;
      },
    });
  } finally {
    await session.close();
  }
};
