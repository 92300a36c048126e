import { parentPort, workerData } from "node:worker_threads";
import { type AuditEventReport, type AuditTrustOptions, createAuditTrust, verifyAuditEvent } from "@imprest/asp/audit";

/** Lines laid end to end, so that one buffer travels for all of them. */
export interface BatchQuestion {
  readonly id: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each line ends within `bytes`. */
  readonly ends: readonly number[];
}

export interface BatchAnswer {
  readonly id: number;
  /** In the order of the lines. */
  readonly reports: readonly AuditEventReport[];
}

const trust = createAuditTrust(workerData as AuditTrustOptions);

parentPort?.on("message", (question: BatchQuestion) => void answer(question));

/** Nothing is caught: a failure here ends the thread, which the pool passes on to everyone who waits. */
async function answer({ id, bytes, ends }: BatchQuestion): Promise<void> {
  const lines = ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
  const reports = await Promise.all(lines.map((line) => verifyLine(line)));
  const message: BatchAnswer = { id, reports };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a message port, not a window
  parentPort?.postMessage(message);
}

/** Without the signed JSON: the typed event says the same, and everything in a report is copied to the other thread. */
async function verifyLine(line: Uint8Array): Promise<AuditEventReport> {
  const { signed: _, ...report } = await verifyAuditEvent(line, { trust });
  return report;
}
