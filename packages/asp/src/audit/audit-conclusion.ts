import type { AuditFinding } from "./audit-finding.ts";
import type { AuditCheckpoint } from "./checkpoint.ts";

/** What an audit came to. */
export interface AuditConclusion {
  /** Authentic events of the draft's shape, each counted once. */
  readonly events: number;
  /** Events that were not, and took no part. */
  readonly rejected: number;
  /** Events that came again, byte for byte, and took no part the second time. */
  readonly repeated: number;
  readonly decisions: number;
  /** Reservations without an end, whose TTL has not passed within the feed. */
  readonly open: number;
  /** What only shows at the end: gaps, missing ends, promises not kept. */
  readonly findings: readonly AuditFinding[];
  /** What the events, however clean, do not prove. */
  readonly unproven: readonly Unproven[];
  /** For `since` of the next audit. */
  readonly checkpoint: AuditCheckpoint;
}

/** Something that an audit leaves open. */
export interface Unproven {
  readonly code: string;
  readonly message: string;
}

/** What an audit had to go by. */
export interface AuditBasis {
  readonly hasPromises: boolean;
  readonly isNumbered: boolean;
  readonly knowsGrace: boolean;
  /** The latest of what the index has forgotten, epoch milliseconds. */
  readonly forgottenMs: number | undefined;
  /** Events that rest on what may be forgotten. */
  readonly uncompared: number;
  readonly more: boolean;
}

export function unprovenOf(basis: AuditBasis): Unproven[] {
  const { hasPromises, isNumbered, knowsGrace, forgottenMs, uncompared, more } = basis;
  const unproven: Unproven[] = [];
  const say = (applies: boolean, code: string, message: string): void => {
    if (applies) unproven.push({ code, message });
  };
  say(
    true,
    "spend_truth",
    "That the observed amounts are what the provider billed: an authority signs what its callers report.",
  );
  say(
    hasPromises,
    "others_complete",
    "That events of other callers are all here: the promises given were those of their holder.",
  );
  say(!hasPromises, "tail_complete", "That nothing was cut from the end: give the promised events.");
  say(
    !hasPromises && !isNumbered,
    "removal",
    "That no event was removed: these carry no numbers. Give the promised events; a missing end alone is found.",
  );
  say(!knowsGrace, "grace", "That a commit was refused only after its grace: give the authority's grace window.");
  if (forgottenMs !== undefined) {
    const at = new Date(forgottenMs).toISOString();
    say(true, "compared_from", `That nothing up to ${at} came again as new: the index had no room for it.`);
    const which = uncompared === 1 ? "One decision rests" : `${uncompared} decisions rest`;
    say(uncompared > 0, "uncompared", `${which} on a reserve that is not here, or was forgotten before ${at}.`);
  }
  say(more, "continues", "What the next part of the feed may still mend: its audit judges it.");
  return unproven;
}
