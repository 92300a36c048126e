import type { PromisedEvent } from "../promised-event.ts";
import type { AuditConclusion } from "./audit-conclusion.ts";
import type { AuditFinding } from "./audit-finding.ts";
import type { AuditIndex } from "./audit-index.ts";
import type { AuditCheckpoint } from "./checkpoint.ts";
import type { AuditExpectation } from "./semantics.ts";
import type { AuditEventReport } from "./verify-audit-event.ts";

/** What an auditor knows beforehand. */
export interface AuditorOptions {
  /**
   * What answers promised: each event of these must come, for the verb, the reservation, the key and the amount that
   * were answered. Removed from memory as they do.
   */
  readonly promised?: Iterable<PromisedEvent> | undefined;
  /** `"feed"`: events are expected in the order in which they were numbered or dated; `"any"` (the default): not. */
  readonly order?: "any" | "feed" | undefined;
  /** What is remembered of finished decisions; in memory and bounded when absent (`createMemoryIndex`). */
  readonly index?: AuditIndex | undefined;
  /** Where an earlier audit ended: this one goes on from there. */
  readonly since?: AuditCheckpoint | undefined;
  /** How far the clocks of an authority's replicas may be apart, in milliseconds; 1000 when absent. */
  readonly clockSkewMs?: number | undefined;
  /**
   * The grace window that the authority publishes, `grace_window_ms` of its metadata (ASP §3.2). Without it, five
   * minutes, the longest that the draft advises, are allowed for, and a grace cut short is not found.
   */
  readonly graceWindowMs?: number | undefined;
  /** What every event must be about, such as one tenant's feed. */
  readonly expected?: AuditExpectation | undefined;
}

/** Takes reports as they come and finds what only several events together show. */
export interface Auditor {
  /** @returns what this event shows together with earlier ones. Each thing is found once. */
  add(report: AuditEventReport): readonly AuditFinding[];
  /**
   * What is left to say when no more events come. Call it once.
   * @param options.more the feed goes on: what its next part may still mend is left to the audit that takes the
   * checkpoint up.
   */
  finish(options?: { readonly more?: boolean | undefined }): AuditConclusion;
}
