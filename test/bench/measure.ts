import { type ChildProcess, fork } from "node:child_process";

/** What one round of a mode came to. */
export interface Round {
  /** Operations per second of wall time. */
  readonly perSecond: number;
  /** CPU microseconds of this process an operation. */
  readonly cpuMicros: number;
}

/** The rounds of one mode, in numbers. */
export interface Summary extends Round {
  readonly slowest: number;
  readonly fastest: number;
}

export type Operation = () => Promise<unknown>;

/** Runs `count` operations, `inFlight` at a time. */
export async function round(operation: Operation, count: number, inFlight: number): Promise<Round> {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await operation();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - started) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: count / seconds, cpuMicros: (user + system) / count };
}

/** How `compare` measures. */
export interface CompareOptions {
  /** Operations a round. */
  readonly count: number;
  readonly inFlight: number;
  readonly rounds: number;
  /** Runs each round of a mode, to measure more than time; it must call `run` once. */
  readonly around?: ((name: string, run: () => Promise<void>) => Promise<void>) | undefined;
}

/** Interleaves the modes, so that what else the machine does hits all alike; the first round of each is a warm-up. */
export async function compare<Name extends string>(
  modes: Readonly<Record<Name, Operation>>,
  { count, inFlight, rounds, around = (_name, run) => run() }: CompareOptions,
): Promise<Record<Name, Summary>> {
  const names = Object.keys(modes) as Name[];
  const results = new Map<Name, Round[]>(names.map((name) => [name, []]));
  for (let at = 0; at <= rounds; at += 1) {
    for (const name of names) {
      await around(name, async () => {
        const result = await round(modes[name], count, inFlight);
        if (at > 0) results.get(name)?.push(result);
      });
    }
  }
  return Object.fromEntries(names.map((name) => [name, summarise(results.get(name) ?? [])])) as Record<Name, Summary>;
}

function summarise(rounds: readonly Round[]): Summary {
  const speeds = rounds.map(({ perSecond }) => perSecond);
  const cpus = rounds.map(({ cpuMicros }) => cpuMicros);
  return {
    perSecond: median(speeds),
    cpuMicros: median(cpus),
    slowest: Math.min(...speeds),
    fastest: Math.max(...speeds),
  };
}

export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Starts a server of this folder in its own process; its first message names its port. */
export async function startServer(file: string): Promise<{ readonly port: number; stop(): void }> {
  const child: ChildProcess = fork(new URL(file, import.meta.url), { execArgv: ["--conditions=@imprest/source"] });
  const { port } = await new Promise<{ readonly port: number }>((resolve, reject) => {
    child.once("message", (message) => resolve(message as { readonly port: number }));
    child.once("exit", (code) => reject(new Error(`${file} ended with code ${code}`)));
  });
  return { port, stop: () => void child.kill() };
}

/** A row of a table, padded. */
export function row(...cells: readonly (string | number)[]): string {
  const [first = "", ...rest] = cells.map((cell) => (typeof cell === "number" ? Math.round(cell).toString() : cell));
  return `${first.padEnd(34)}${rest.map((cell) => cell.padStart(12)).join("")}`;
}
