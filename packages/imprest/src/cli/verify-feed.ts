import {
  type AuditConclusion,
  type AuditEventReport,
  type AuditLineReport,
  type AuditTrustOptions,
  type AuditorOptions,
  createAuditTrust,
  createAuditor,
  verifyAuditEvent,
  verifyAuditFeed,
} from "@imprest/asp/audit";
import { verifyLines } from "@imprest/core/audit";
import { VerifyPool } from "./verify-pool.ts";

/** A short feed is verified before the threads would have started. */
const linesBeforeThreads = 2_000;

export interface VerifyFeedOptions extends AuditorOptions {
  readonly trust: AuditTrustOptions;
  readonly threads: number;
  readonly signal: AbortSignal;
  /** The feed goes on: what its next part may mend is left to the audit that takes the checkpoint up. */
  readonly more: boolean;
}

/**
 * `verifyAuditFeed` with the signatures on other threads, where there is more than one processor: what a line is worth
 * by itself is judged there, what lines mean together here and in their order.
 */
export async function* verifyFeed(
  source: AsyncIterable<Uint8Array>,
  { trust, threads, signal, more, ...auditorOptions }: VerifyFeedOptions,
): AsyncGenerator<AuditLineReport, AuditConclusion, undefined> {
  // Made here in any case: what is wrong with it is reported before a thread starts.
  const own = createAuditTrust(trust);
  // Keys are fetched once, not by every thread.
  if (threads < 2 || trust.fetchKeys === true) {
    return yield* verifyAuditFeed(source, { trust: own, signal, more, ...auditorOptions });
  }
  const auditor = createAuditor(auditorOptions);
  const pool = new VerifyPool(trust, threads);
  let begun = 0;
  const verify = (line: Uint8Array): Promise<AuditEventReport> =>
    begun++ < linesBeforeThreads ? verifyAuditEvent(line, { trust: own, signal }) : pool.verify(line);
  try {
    for await (const { lineNumber, report } of verifyLines(source, verify, { inFlight: pool.inFlight, signal })) {
      // A line that was too long to read has the bare report of `verifyLines`.
      const whole = "unsigned" in report ? report : { ...report, profile: "", unsigned: [] };
      yield { lineNumber, report: whole, lifecycle: auditor.add(whole) };
    }
  } finally {
    await pool.close();
  }
  return auditor.finish({ more });
}
