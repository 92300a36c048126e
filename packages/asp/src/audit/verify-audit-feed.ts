import { type LineReport, type VerifyLinesOptions, verifyLines } from "@imprest/core/audit";
import type { AuditConclusion } from "./audit-conclusion.ts";
import type { AuditFinding } from "./audit-finding.ts";
import { createAuditor } from "./auditor.ts";
import type { Auditor, AuditorOptions } from "./auditor-options.ts";
import { type AuditEventReport, type VerifyAuditEventOptions, verifyAuditEvent } from "./verify-audit-event.ts";

/** Whom to believe, how the lines are read, and what the auditor knows beforehand. */
export interface VerifyAuditFeedOptions
  extends VerifyLinesOptions, Pick<VerifyAuditEventOptions, "trust" | "profile">, AuditorOptions {
  /** The feed goes on: what its next part may mend is left to the audit that takes the checkpoint up. */
  readonly more?: boolean | undefined;
}

/** One line of a feed: its own report, and what it shows together with those before it. */
export interface AuditLineReport {
  readonly lineNumber: number;
  readonly report: AuditEventReport;
  readonly lifecycle: readonly AuditFinding[];
}

/**
 * Verifies a feed of one event a line as it comes, and audits it as a whole: bounded memory, reports in the order of the
 * lines, `order: "feed"` by default.
 * @returns the conclusion, as the generator's return value.
 * @throws AbortedError when `options.signal` aborts; whatever `source` throws.
 */
export async function* verifyAuditFeed(
  source: AsyncIterable<Uint8Array>,
  options: VerifyAuditFeedOptions,
): AsyncGenerator<AuditLineReport, AuditConclusion, undefined> {
  const { trust, profile, signal, maxLineBytes, order = "feed", more } = options;
  const auditor: Auditor = createAuditor({ ...options, order });
  const verify = (line: Uint8Array): Promise<AuditEventReport> =>
    verifyAuditEvent(line, { trust, profile, signal, maxBytes: maxLineBytes });
  for await (const { lineNumber, report } of verifyLines(source, verify, options)) {
    const whole = asEventReport(report);
    yield { lineNumber, report: whole, lifecycle: auditor.add(whole) };
  }
  return auditor.finish({ more });
}

/** A line that was too long to read has the bare report of `verifyLines`. */
function asEventReport(report: LineReport<AuditEventReport>["report"]): AuditEventReport {
  return "unsigned" in report ? report : { ...report, profile: "", unsigned: [] };
}
