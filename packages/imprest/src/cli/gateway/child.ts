import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { UsageError } from "../command.ts";
import type { Environment } from "../../run/routes.ts";

/** A program under a budget. */
export interface Child {
  /** Its exit code, or 128 and the number of the signal that ended it. */
  readonly ended: Promise<number>;
  /** Asks the whole group to end. */
  stop(signal: NodeJS.Signals): void;
}

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/**
 * Starts a program with the terminal of this process. On a terminal it stays in its group, so that it keeps its screen, and
 * the terminal itself signals all of the group; elsewhere it has a group of its own, and signals are passed on to that.
 * @throws UsageError where it cannot be started.
 */
export async function startChild([command = "", ...args]: readonly string[], environment: Environment): Promise<Child> {
  const hasTerminal = process.stdin.isTTY;
  const child = spawn(command, args, { stdio: "inherit", env: { ...environment }, detached: !hasTerminal });
  const stop = (signal: NodeJS.Signals): void => signalGroup(child, hasTerminal, signal);
  const pass = (signal: NodeJS.Signals): void => {
    // What the keyboard sends, the terminal has sent to all of them.
    if (hasTerminal && (signal === "SIGINT" || signal === "SIGQUIT")) return;
    stop(signal);
  };
  for (const signal of forwarded) process.on(signal, pass);
  const ended = new Promise<number>((resolve) => {
    child.once("close", (code, signal) => {
      for (const one of forwarded) process.off(one, pass);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new UsageError(`${command} cannot be started (${cause.code ?? "unknown"}).`, { cause })),
    );
  });
  return { ended, stop };
}

function signalGroup(child: ChildProcess, hasTerminal: boolean, signal: NodeJS.Signals): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(hasTerminal ? pid : -pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
