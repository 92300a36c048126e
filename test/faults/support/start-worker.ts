import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import type { Told, WorkerTask } from "./worker.ts";

/** A worker process and what it has said so far. */
export interface Worker {
  readonly told: readonly Told[];
  /** Ends it as a crash would: at once, with no word. */
  kill(): Promise<void>;
  /** Waits for it to end by itself. @throws Error when it ends badly. */
  done(): Promise<void>;
}

export function startWorker(task: WorkerTask): Worker {
  const file = new URL("worker.ts", import.meta.url);
  const child: ChildProcess = fork(file, [JSON.stringify(task)], { execArgv: ["--conditions=@imprest/source"] });
  const ended = once(child, "close");
  const told: Told[] = [];
  child.on("message", (message) => told.push(message as Told));
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  onTestFinished(kill);
  return {
    told,
    kill,
    async done() {
      const [code, signal] = (await ended) as [number | null, string | null];
      if (code !== 0) throw new Error(`the worker ended with ${code ?? signal}`);
    },
  };
}

/** Replays what stands in a store, in a fresh process, to the end. @returns what it said. */
export async function recoverWith(task: Omit<WorkerTask, "work">): Promise<readonly Told[]> {
  const worker = startWorker({ ...task, work: "recover" });
  await worker.done();
  return worker.told;
}
