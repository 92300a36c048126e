import type { Browser, Page } from "playwright";

/** The longest task of a page's main thread: the work of its own, and what the clock said. */
export interface LongestTask {
  readonly workMs: number;
  /** With the time in which other processes had the core: that of the machine, not of the page. */
  readonly wallMs: number;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** Traces the page while something runs. The trace of five seconds is some 10 MB. */
export async function longestTaskDuring(browser: Browser, page: Page, run: () => Promise<void>): Promise<LongestTask> {
  await browser.startTracing(page, { categories: ["toplevel"] });
  await run();
  const trace = await browser.stopTracing();
  const { traceEvents } = JSON.parse(trace.toString("utf8")) as { readonly traceEvents: readonly TraceEvent[] };
  const mains = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const tasks = traceEvents.filter(({ name, pid, tid }) => name.endsWith("RunTask") && mains.has(`${pid} ${tid}`));
  if (tasks.length === 0) throw new Error("the trace has no task of the page");
  const longest = (of: (task: TraceEvent) => number | undefined): number =>
    tasks.reduce((most, task) => Math.max(most, (of(task) ?? 0) / 1_000), 0);
  return { workMs: longest(({ tdur }) => tdur), wallMs: longest(({ dur }) => dur) };
}
