import { Worker } from "node:worker_threads";
import type { AuditEventReport, AuditTrustOptions } from "@imprest/asp/audit";
import type { BatchAnswer, BatchQuestion } from "./verify-worker.ts";

/** Enough that a message between threads costs little beside what is in it. */
const linesPerBatch = 64;
/** A thread that has nothing waiting would idle while its answer travels. */
const batchesPerThread = 3;

interface OpenBatch {
  readonly id: number;
  readonly lines: Uint8Array[];
  readonly reports: Promise<readonly AuditEventReport[]>;
}

interface Settle {
  readonly resolve: (reports: readonly AuditEventReport[]) => void;
  readonly reject: (error: Error) => void;
}

/** Verifies lines of an audit feed on several threads. Each is started when there is something for it to do. */
export class VerifyPool {
  /** How many lines keep every thread busy. */
  readonly inFlight: number;
  readonly #trust: AuditTrustOptions;
  readonly #threadCount: number;
  readonly #workers: Worker[] = [];
  /** By batch, until its reports are there. */
  readonly #waiting = new Map<number, Settle>();
  #batches = 0;
  #open: OpenBatch | undefined;
  #failure: Error | undefined;

  /** @param trust what can be copied to another thread: no `transport` and no `clock`. */
  constructor(trust: AuditTrustOptions, threadCount: number) {
    this.#trust = trust;
    this.#threadCount = threadCount;
    this.inFlight = threadCount * batchesPerThread * linesPerBatch;
  }

  /** @returns the report on one line, without `signed`. @throws what ended a thread. */
  async verify(line: Uint8Array): Promise<AuditEventReport> {
    if (this.#failure !== undefined) throw this.#failure;
    const batch = (this.#open ??= this.#begin());
    const at = batch.lines.push(line) - 1;
    if (batch.lines.length === linesPerBatch) this.#send(batch);
    const report = (await batch.reports)[at];
    if (report === undefined) throw new Error("A thread left a line without a report.");
    return report;
  }

  /** Ends the threads; lines without a report are rejected. */
  async close(): Promise<void> {
    this.#open = undefined;
    this.#fail(new Error("The pool was closed."));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #begin(): OpenBatch {
    const id = this.#batches++;
    const reports = new Promise<readonly AuditEventReport[]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    // Each line's own promise rejects with it too.
    reports.catch(() => {});
    const batch = { id, lines: [], reports };
    // The source may pause, or end, with less than a whole batch given.
    setImmediate(() => this.#open === batch && this.#send(batch));
    return batch;
  }

  #send({ id, lines }: OpenBatch): void {
    this.#open = undefined;
    const { bytes, ends } = layEndToEnd(lines);
    const question: BatchQuestion = { id, bytes, ends };
    try {
      const worker = (this.#workers[id % this.#threadCount] ??= this.#start());
      worker.postMessage(question, [bytes.buffer]);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error("A thread could not be started.", { cause: error }));
    }
  }

  #start(): Worker {
    // The worker's module stands beside this one, in the sources as in the built package.
    const module = new URL(import.meta.url.replace(/[^/]*(\.\w+)$/, "verify-worker$1"));
    const worker = new Worker(module, { workerData: this.#trust });
    worker.on("message", ({ id, reports }: BatchAnswer) => {
      this.#waiting.get(id)?.resolve(reports);
      this.#waiting.delete(id);
    });
    worker.on("error", (error) => this.#fail(error));
    worker.on("messageerror", (error) => this.#fail(error));
    worker.on("exit", () => this.#fail(new Error("A thread that verified lines has ended.")));
    return worker;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

function layEndToEnd(lines: readonly Uint8Array[]): Pick<BatchQuestion, "bytes" | "ends"> {
  const bytes = new Uint8Array(lines.reduce((size, line) => size + line.length, 0));
  const ends: number[] = [];
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    ends.push((at += line.length));
  }
  return { bytes, ends };
}
