import type { Finding } from "@imprest/core/audit";
import type { AuditEvent } from "@imprest/core/models/asp";

/** Something that several events together show. */
export interface AuditFinding extends Finding {
  readonly decisionId?: string | undefined;
  readonly eventId?: string | undefined;
}

/** Takes a rule that may be broken, the code of its finding, and what to say. */
export type Report = (isBroken: boolean, code: string, message: string) => void;

/** What an event shows together with others. */
export function found(
  code: string,
  event: AuditEvent,
  message: string,
  severity: Finding["severity"] = "error",
): AuditFinding {
  return { ...lifecycle(code, message), severity, decisionId: event.data.decision_id, eventId: event.id };
}

/** What the feed as a whole shows. */
export function lifecycle(code: string, message: string): AuditFinding {
  return { kind: "lifecycle", severity: "error", code, message };
}
