import { type AuditEvent, parseTimestamp } from "@imprest/core/models/asp";
import type { PromisedEvent } from "../promised-event.ts";
import { type AuditFinding, found, lifecycle } from "./audit-finding.ts";
import { isComplete, lifecycleProblems, only } from "./lifecycle.ts";
import { Promises, promiseProblems } from "./promises.ts";
import { SequenceRanges } from "./sequence-ranges.ts";
import type { AuditEventReport } from "./verify-audit-event.ts";

/** The signed member of `runtime_metadata` in which an authority may number its events, from 1. */
export const sequenceKey = "feed_sequence" as const;

/** How far a feed had come when it was last audited, by source: a later audit that finds less finds a truncation. */
export type AuditCheckpoint = Readonly<Record<string, number>>;

/** What an auditor knows beforehand. */
export interface AuditorOptions {
  /**
   * What answers promised: each event of these must come, for the verb, the reservation and the key that were answered.
   * Removed from memory as they do.
   */
  readonly promised?: Iterable<PromisedEvent> | undefined;
  /** `"feed"`: events are expected in the order in which they were numbered or dated; `"any"` (the default): not. */
  readonly order?: "any" | "feed" | undefined;
  /** How many finished decisions are remembered for what may follow them, such as a duplicate; 1000 when absent. */
  readonly finishedMemory?: number | undefined;
  /** Where an earlier audit ended: numbering then goes on from there. */
  readonly since?: AuditCheckpoint | undefined;
}

/** What an audit came to. */
export interface AuditConclusion {
  /** Authentic events of the draft's shape. */
  readonly events: number;
  /** Events that were not, and took no part. */
  readonly rejected: number;
  readonly decisions: number;
  /** Reservations without an end, whose TTL has not passed within the feed. */
  readonly open: number;
  /** What only shows at the end: gaps, missing ends, promises not kept. */
  readonly findings: readonly AuditFinding[];
  /** What the events, however clean, do not prove. */
  readonly unproven: readonly { readonly code: string; readonly message: string }[];
  /** For `since` of the next audit. */
  readonly checkpoint: AuditCheckpoint;
}

/** Takes reports as they come and finds what only several events together show. */
export interface Auditor {
  /** @returns what this event shows together with earlier ones. Each thing is found once. */
  add(report: AuditEventReport): readonly AuditFinding[];
  /** What is left to say when no more events come. Call it once. */
  finish(): AuditConclusion;
}

/** A clock may lag by as much before a missing `ttl_expired` counts as missing. */
const ttlToleranceMs = 60_000;
/** An expired reservation whose commit has not come by then will not get one: no grace window is that long. */
const longestGraceMs = 3_600_000;

interface Decision {
  readonly source: string;
  readonly id: string;
  readonly events: AuditEvent[];
  /** Signature by event id. */
  readonly signatures: Map<string, string | undefined>;
  readonly reported: Set<string>;
  /** What the answer to its reserve promised: the draft gives the event itself no reservation (ASP §5). */
  reservationId?: string | undefined;
}

interface Source {
  readonly sequence: SequenceRanges;
  readonly from: number;
  latestMs: number;
}

/**
 * Puts verified events together, in whatever order they come: lifecycle (ASP §3.3), conservation, duplicates, gaps, and
 * promises that were not kept. Memory grows with reservations that are open at once, and with promises not yet kept; not
 * with history.
 * @throws ValidationError for a promise that cannot be bound to an event: a settlement without its reservation.
 */
export function createAuditor(options: AuditorOptions = {}): Auditor {
  return new EventAuditor(options);
}

class EventAuditor implements Auditor {
  readonly #options: AuditorOptions;
  readonly #promises: Promises;
  readonly #open = new Map<string, Decision>();
  /** Expired, with a late commit still possible; the first to expire first. Apart, so that none hides behind another. */
  readonly #expired = new Map<string, Decision>();
  /** The oldest first. */
  readonly #finished = new Map<string, Decision>();
  readonly #sources = new Map<string, Source>();
  #events = 0;
  #rejected = 0;
  #decisions = 0;
  #isNumbered = true;

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.#promises = new Promises(options.promised ?? []);
  }

  add({ disposition, event, signature }: AuditEventReport): readonly AuditFinding[] {
    if (disposition !== "authentic" || event === undefined) {
      this.#rejected += 1;
      return [];
    }
    const kept = signature === undefined ? undefined : this.#promises.take(event, signature);
    const source = this.#sourceOf(event.source);
    const key = `${event.source} ${event.data.decision_id}`;
    const known = this.#open.get(key) ?? this.#expired.get(key) ?? this.#finished.get(key);
    const left = known === undefined ? this.#sweep(event) : [];
    const decision = known ?? this.#begin(key, event);
    if (kept?.verb === "reserve") decision.reservationId ??= kept.reservationId;
    return [...left, ...this.#take(event, signature, key, decision, source)];
  }

  #take(
    event: AuditEvent,
    signature: string | undefined,
    key: string,
    decision: Decision,
    source: Source,
  ): readonly AuditFinding[] {
    const repeated = repetition(decision, event, signature);
    if (repeated !== undefined) return [repeated];
    const { findings, isNew } = this.#place(event, source);
    if (!isNew) return findings;
    this.#events += 1;
    decision.signatures.set(event.id, signature);
    decision.events.push(event);
    if (isComplete(decision.events)) {
      this.#open.delete(key);
      this.#expired.delete(key);
      this.#remember(key, decision);
      return [...findings, ...problemsOf(decision)];
    }
    if (this.#open.has(key) && hasExpired(decision.events)) {
      this.#open.delete(key);
      this.#expired.set(key, decision);
    }
    return findings;
  }

  finish(): AuditConclusion {
    const findings: AuditFinding[] = [];
    let open = 0;
    for (const decision of [...this.#open.values(), ...this.#expired.values()]) {
      const problems = problemsOf(decision);
      const end = this.#missingEnd(decision);
      findings.push(...problems, ...(end === undefined ? [] : [end]));
      if (end === undefined && only(decision.events, "reserve").length > 0) open += 1;
    }
    const numbered = [...this.#sources].filter(([, { sequence }]) => sequence.last !== undefined);
    for (const [name, { sequence, from }] of numbered) findings.push(...gapFindings(name, sequence, from));
    findings.push(...this.#truncations());
    findings.push(...this.#promises.findings());
    return {
      events: this.#events,
      rejected: this.#rejected,
      decisions: this.#decisions,
      open,
      findings,
      unproven: this.#unproven(),
      checkpoint: Object.fromEntries(numbered.map(([name, { sequence }]) => [name, sequence.last ?? 0])),
    };
  }

  #sourceOf(name: string): Source {
    let source = this.#sources.get(name);
    if (source === undefined) {
      source = { sequence: new SequenceRanges(), from: (this.#options.since?.[name] ?? 0) + 1, latestMs: -Infinity };
      this.#sources.set(name, source);
    }
    return source;
  }

  #begin(key: string, event: AuditEvent): Decision {
    const { source, data } = event;
    const decision = { source, id: data.decision_id, events: [], signatures: new Map(), reported: new Set<string>() };
    this.#open.set(key, decision);
    this.#decisions += 1;
    return decision;
  }

  /** Where an event stands among those of its source. */
  #place(event: AuditEvent, source: Source): { readonly findings: AuditFinding[]; readonly isNew: boolean } {
    const { order = "any" } = this.#options;
    const atMs = parseTimestamp(event.data.event_time) ?? 0;
    const sequence = event.data.runtime_metadata?.[sequenceKey];
    const previous = source.sequence.last ?? source.from - 1;
    const isEarlier = typeof sequence === "number" ? sequence < previous : atMs < source.latestMs;
    source.latestMs = Math.max(source.latestMs, atMs);
    if (typeof sequence !== "number" || !Number.isSafeInteger(sequence)) this.#isNumbered = false;
    else if (!source.sequence.add(sequence))
      return { findings: [found("duplicate", event, duplicateMessage)], isNew: false };
    const message = "The event stands after one that came later: lines were moved.";
    return { findings: isEarlier && order === "feed" ? [found("out_of_order", event, message)] : [], isNew: true };
  }

  /** Expired reservations whose grace is over leave memory. @returns what was wrong with them. */
  #sweep({ source }: AuditEvent): AuditFinding[] {
    const latestMs = this.#sources.get(source)?.latestMs ?? 0;
    const findings: AuditFinding[] = [];
    for (const [key, decision] of this.#expired) {
      const [expired] = only(decision.events, "ttl_expired");
      // Insertion order is nearly the order of time: the first that is still young ends the look.
      if ((parseTimestamp(expired?.data.event_time) ?? 0) + longestGraceMs > latestMs) break;
      this.#expired.delete(key);
      this.#remember(key, decision);
      findings.push(...problemsOf(decision));
    }
    return findings;
  }

  #remember(key: string, decision: Decision): void {
    this.#finished.delete(key);
    this.#finished.set(key, decision);
    const [oldest] = this.#finished.keys();
    if (this.#finished.size > (this.#options.finishedMemory ?? 1_000) && oldest !== undefined)
      this.#finished.delete(oldest);
  }

  /** At its TTL a reservation ends in an event at the latest (ASP §3.2), so a feed that goes on must hold one. */
  #missingEnd({ source, id, events }: Decision): AuditFinding | undefined {
    const [reserve] = only(events, "reserve");
    const ttl = parseTimestamp(reserve?.data.ttl_expires_at);
    const latestMs = this.#sources.get(source)?.latestMs ?? -Infinity;
    const isExpired = only(events, "ttl_expired").length > 0;
    if (ttl === undefined || isExpired || latestMs <= ttl + ttlToleranceMs) return undefined;
    const message = "The reservation has no end, though its TTL passed within the feed: an event was removed.";
    return { ...lifecycle("missing_end", message), decisionId: id, eventId: reserve?.id };
  }

  #truncations(): AuditFinding[] {
    return Object.entries(this.#options.since ?? {})
      .filter(([name]) => this.#sources.get(name)?.sequence.last === undefined)
      .map(([name]) => lifecycle("truncated", `Nothing of ${name} follows the checkpoint.`));
  }

  #unproven(): AuditConclusion["unproven"] {
    const always = {
      code: "spend_truth",
      message: "That the observed amounts are what the provider billed: an authority signs what its callers report.",
    };
    if (this.#promises.any) {
      const message = "That events of other callers are all here: the promises given were those of their holder.";
      return [always, { code: "others_complete", message }];
    }
    const tail = { code: "tail_complete", message: "That nothing was cut from the end: give the promised events." };
    if (this.#isNumbered && this.#events > 0) return [always, tail];
    const message =
      "That no event was removed: these carry no numbers. Give the promised events; a missing end alone is found.";
    return [always, tail, { code: "removal", message }];
  }
}

/** One whose reserve has not come is not yet known to be open. */
function hasExpired(events: readonly AuditEvent[]): boolean {
  return only(events, "ttl_expired").length > 0 && only(events, "reserve").length > 0;
}

const duplicateMessage = "The event is here twice.";

function repetition(decision: Decision, event: AuditEvent, signature: string | undefined): AuditFinding | undefined {
  if (!decision.signatures.has(event.id)) return undefined;
  if (decision.signatures.get(event.id) === signature) return found("duplicate", event, duplicateMessage, "warning");
  return found("conflicting_duplicate", event, "Two different events have one id.");
}

function problemsOf(decision: Decision): AuditFinding[] {
  const problems = [...lifecycleProblems(decision.events), ...promiseProblems(decision)];
  const fresh = problems.filter(({ message }) => !decision.reported.has(message));
  for (const { message } of fresh) decision.reported.add(message);
  return fresh.map(({ code, message }) => ({ ...lifecycle(code, message), decisionId: decision.id }));
}

function gapFindings(source: string, sequence: SequenceRanges, from: number): AuditFinding[] {
  return sequence.gaps(from).map(({ first, last }) => {
    const which = first === last ? `Event ${first}` : `Events ${first} to ${last}`;
    return lifecycle("sequence_gap", `${which} of ${source} are not here: they were removed.`);
  });
}
