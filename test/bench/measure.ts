import { monitorEventLoopDelay } from "node:perf_hooks";

/** What one round of a mode came to. */
export interface Round {
  /** In the unit of its group. */
  readonly value: number;
  /** CPU microseconds an operation, of the process that is measured, all threads. */
  readonly cpuMicros?: number | undefined;
  /** How long a turn of the event loop took at most in 99 of 100, in milliseconds; an idle loop shows 1. */
  readonly loopP99Ms?: number | undefined;
}

/** One way of doing the work of a group; called once a round. */
export type Mode = () => Promise<Round>;

/** The rounds of one mode, in numbers. */
export interface Row extends Round {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** The median as a ratio to that of the group's first row, the raw baseline. */
  readonly ofRaw: number;
}

/** Rows that were measured together. */
export interface Group {
  readonly title: string;
  readonly unit: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

/** How much a run measures: all of it, or just enough to see that it works. */
export interface Effort {
  count(full: number): number;
  rounds(full: number): number;
}

/** Some groups, one after the other. */
export type Benchmark = (effort: Effort) => AsyncGenerator<Group>;

export interface CompareOptions {
  readonly title: string;
  readonly unit: string;
  readonly rounds: number;
  /** False where the modes are warm already, or a round takes long. */
  readonly warmUp?: boolean | undefined;
  /** All modes at once, where what is measured is not time. */
  readonly atOnce?: boolean | undefined;
}

/** Interleaves the modes, the raw baseline first, so that what else the machine does hits all alike. */
export async function compare(
  { title, unit, rounds, warmUp = true, atOnce = false }: CompareOptions,
  modes: Readonly<Record<string, Mode>>,
): Promise<Group> {
  const measured = Object.entries(modes).map(([name, mode]) => ({ name, mode, rounds: [] as Round[] }));
  for (let at = warmUp ? -1 : 0; at < rounds; at += 1) {
    const measure = async ({ mode, rounds }: (typeof measured)[number]): Promise<void> => {
      const round = await mode();
      if (at >= 0) rounds.push(round);
    };
    if (atOnce) await Promise.all(measured.map(measure));
    else for (const one of measured) await measure(one);
  }
  const baseline = median(measured[0]?.rounds.map(({ value }) => value) ?? []);
  return { title, unit, rounds, rows: measured.map(({ name, rounds }) => summarise(name, rounds, baseline)) };
}

function summarise(name: string, rounds: readonly Round[], baseline: number): Row {
  const values = rounds.map(({ value }) => value);
  const value = median(values);
  return {
    name,
    value,
    least: Math.min(...values),
    most: Math.max(...values),
    ofRaw: value / baseline,
    cpuMicros: medianOf(rounds, "cpuMicros"),
    loopP99Ms: medianOf(rounds, "loopP99Ms"),
  };
}

function medianOf(rounds: readonly Round[], name: "cpuMicros" | "loopP99Ms"): number | undefined {
  const values = rounds.map((round) => round[name]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const [low = Number.NaN, high = Number.NaN] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (low + high) / 2;
}

export interface TimedOptions {
  /** How often the operation runs in a round. */
  readonly count: number;
  /** 1 when absent. */
  readonly inFlight?: number | undefined;
  /** For how many of the group's unit one operation stands; 1 when absent. */
  readonly per?: number | undefined;
  /** False for work that never gives the event loop a turn. */
  readonly watchLoop?: boolean | undefined;
}

/** A mode that runs an operation `count` times a round, `inFlight` at a time, and returns how many were done a second. */
export function timed(operation: () => unknown, options: TimedOptions): Mode {
  const { count, inFlight = 1, per = 1, watchLoop = true } = options;
  return async () => {
    let left = count;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await operation();
      }
    };
    const stop = watch();
    const started = performance.now();
    await Promise.all(Array.from({ length: inFlight }, worker));
    const seconds = (performance.now() - started) / 1_000;
    const { cpuMicros, loopP99Ms } = stop();
    const done = count * per;
    return { value: done / seconds, cpuMicros: cpuMicros / done, ...(watchLoop && { loopP99Ms }) };
  };
}

/** What a process used while it was watched. */
export interface Usage {
  readonly cpuMicros: number;
  readonly loopP99Ms: number;
}

/** Watches this process until the returned function is called. */
export function watch(): () => Usage {
  const cpuBefore = process.cpuUsage();
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  return () => {
    histogram.disable();
    const { user, system } = process.cpuUsage(cpuBefore);
    return { cpuMicros: user + system, loopP99Ms: histogram.percentile(99) / 1e6 };
  };
}
