import type { AuditConclusion, AuditFinding, AuditLineReport } from "@imprest/asp/audit";
import { type LineReport, hasErrors } from "@imprest/core/audit";
import type { EvidenceReport } from "@imprest/cycles/evidence";

// What a line of a file is worth, and how `--format json` writes it: the same in the command and in the explorer's page.

/** True for an event of a trusted issuer with no error, neither by itself nor together with those before it. */
export function isAccepted({ report, lifecycle }: AuditLineReport): boolean {
  return report.disposition === "authentic" && !hasErrors(report) && !lifecycle.some(isError);
}

export function isError({ severity }: AuditFinding): boolean {
  return severity === "error";
}

/** One line of the report of `imprest verify --format json`, without its end. */
export function lineJson(line: AuditLineReport): string {
  const { lineNumber, report, lifecycle } = line;
  const { disposition, findings, unsigned, event } = report;
  const accepted = isAccepted(line);
  const { id, type } = event ?? {};
  return JSON.stringify({ line: lineNumber, accepted, disposition, id, type, unsigned, findings, lifecycle });
}

/** The last line of the report of `imprest verify --format json`, without its end. */
export function conclusionJson({ findings, unproven, repeated, decisions, open }: AuditConclusion): string {
  return JSON.stringify({ conclusion: { decisions, repeated, open, findings, unproven } });
}

export type EvidenceLine = LineReport<EvidenceReport>;

/**
 * Whether an envelope proves what it says.
 * @param bindings also accept a valid signature whose signer is not established.
 */
export function isAcceptedEvidence({ report }: EvidenceLine, bindings = false): boolean {
  const trusted = report.disposition === "authentic" || (bindings && report.disposition === "binding_only");
  return trusted && !hasErrors(report);
}

/** One line of the report of `imprest evidence --format json`, without its end. */
export function evidenceJson(line: EvidenceLine, accepted: boolean): string {
  const { lineNumber, report } = line;
  const id = "envelope" in report ? report.envelope?.evidence_id : undefined;
  const { disposition, findings } = report;
  return JSON.stringify({ line: lineNumber, accepted, disposition, evidence_id: id, findings });
}
