import { ConfigurationError } from "@imprest/core/internal/verify";
import type { AuditEvent } from "@imprest/core/models/asp";
import { type AuditConclusion, unprovenOf } from "./audit-conclusion.ts";
import { type AuditFinding, found, lifecycle } from "./audit-finding.ts";
import { type AuditIndex, createMemoryIndex } from "./audit-index.ts";
import type { Auditor, AuditorOptions } from "./auditor-options.ts";
import { type AuditCheckpoint, checkIndex } from "./checkpoint.ts";
import {
  type Decision,
  beginDecision,
  first,
  hasEnded,
  note,
  readDecision,
  reservationOf,
  timeOf,
  writeDecision,
} from "./decision.ts";
import { FeedPosition, numberOf } from "./feed-position.ts";
import { type LifecycleProblem, lifecycleProblems } from "./lifecycle.ts";
import { Promises } from "./promises.ts";
import { type AuditExpectation, canonicalId, checkExpectation, expectationFindings } from "./semantics.ts";
import { type TimeRules, longestGraceMs } from "./timing.ts";
import type { AuditEventReport } from "./verify-audit-event.ts";

/** An event may be late by as much before its absence counts: a ttl_expired, or one that follows another. */
const patienceMs = 60_000;

/**
 * Puts verified events together, in whatever order they come: lifecycle (ASP §3.3), times (§3.2), conservation,
 * duplicates, gaps, and promises that were not kept. Memory grows with reservations that are open at once, and with
 * promises not yet kept; not with history.
 * @throws ValidationError for a promise that cannot be bound to an event: a settlement without its reservation.
 * ConfigurationError for an unknown member of `expected`, a time that is none, a checkpoint without its index.
 */
export function createAuditor(options: AuditorOptions = {}): Auditor {
  return new EventAuditor(options);
}

class EventAuditor implements Auditor {
  readonly #rules: TimeRules;
  readonly #isOrdered: boolean;
  readonly #expected: AuditExpectation | undefined;
  readonly #promises: Promises;
  readonly #index: AuditIndex;
  readonly #sources = new Map<string, FeedPosition>();
  /** Decisions that more events are expected of, or may mend. */
  readonly #open = new Map<string, { readonly decision: Decision; readonly dueMs: number }>();
  #events = 0;
  #rejected = 0;
  #repeated = 0;
  #decisions = 0;
  /** Events whose decision may be one that the index has forgotten. */
  #uncompared = 0;
  #isNumbered = true;

  constructor(options: AuditorOptions) {
    const { since, promised = [], index, expected, clockSkewMs: skewMs = 1_000, graceWindowMs: graceMs } = options;
    for (const time of [skewMs, graceMs ?? 0]) {
      if (!(time >= 0 && time <= 86_400_000)) throw new ConfigurationError("A skew or a grace is 0 to 86400000 ms.");
    }
    if (expected !== undefined) checkExpectation(expected);
    checkIndex(since, index !== undefined);
    this.#expected = expected;
    this.#rules = { skewMs, graceMs };
    this.#isOrdered = options.order === "feed";
    this.#promises = new Promises([...(since?.promised ?? []), ...promised]);
    this.#index = index ?? createMemoryIndex({ from: since?.remembered, forgottenMs: since?.forgottenMs });
    for (const state of since?.sources ?? []) {
      this.#sources.set(state.source, new FeedPosition(state.source, skewMs, state));
    }
    for (const text of since?.open ?? []) {
      const decision = readDecision(text);
      this.#keep(decision, lifecycleProblems(decision, this.#rules));
    }
  }

  add(report: AuditEventReport): readonly AuditFinding[] {
    const { disposition, event, signature = "" } = report;
    if (disposition !== "authentic" || event === undefined) {
      this.#rejected += 1;
      return [];
    }
    const kept = this.#promises.take(event, signature);
    const repeated = this.#repetition(event, signature);
    if (repeated !== undefined) return [repeated];
    const position = this.#positionOf(event.source);
    const { findings, isNew } = position.place(event, this.#isOrdered);
    if (!isNew) return findings;
    this.#events += 1;
    if (numberOf(event) === undefined) this.#isNumbered = false;
    if (report.key !== undefined) findings.push(...position.noteKey(event, report.key));
    if (this.#expected !== undefined) findings.push(...this.#strays(event, this.#expected));
    const decision = this.#decisionOf(event);
    if (kept?.verb === "reserve") decision.promisedReservationId ??= canonicalId(kept.reservationId);
    findings.push(...this.#sharedReservation(event));
    note(decision, event);
    const problems = lifecycleProblems(decision, this.#rules);
    findings.push(...this.#judge(decision, problems, false));
    this.#keep(decision, problems);
    return [...findings, ...this.#lookAt(position)];
  }

  finish({ more = false }: { readonly more?: boolean | undefined } = {}): AuditConclusion {
    const findings: AuditFinding[] = [];
    for (const { decision } of more ? [] : this.#open.values()) {
      findings.push(...this.#judge(decision, lifecycleProblems(decision, this.#rules), true));
    }
    // Lines in their order leave nothing to come that a gap could wait for.
    const judgesGaps = !more || this.#isOrdered;
    if (judgesGaps) for (const position of this.#sources.values()) findings.push(...position.gaps());
    findings.push(...this.#promises.broken);
    if (!more) findings.push(...this.#promises.missing());
    return {
      events: this.#events,
      rejected: this.#rejected,
      repeated: this.#repeated,
      decisions: this.#decisions,
      open: [...this.#open.values()].filter(({ decision }) => isOpen(decision)).length,
      findings,
      unproven: unprovenOf({
        hasPromises: this.#promises.any,
        isNumbered: this.#isNumbered && this.#events > 0,
        knowsGrace: this.#rules.graceMs !== undefined,
        forgottenMs: this.#index.forgottenMs,
        uncompared: this.#uncompared,
        more,
      }),
      checkpoint: this.#checkpoint(),
    };
  }

  /** The same event again takes no part; another one under its id is a second truth. */
  #repetition(event: AuditEvent, signature: string): AuditFinding | undefined {
    const key = `e ${event.source} ${event.id}`;
    const known = this.#index.get(key);
    // The second half: whoever signs may choose the first one, at the cost of his key.
    const half = signature.slice(43);
    if (known === undefined) {
      this.#index.set(key, half, timeOf(event));
      return undefined;
    }
    if (known !== half) return found("conflicting_duplicate", event, "Two different events have one id.");
    this.#repeated += 1;
    return found("duplicate", event, "The event is here twice.", "warning");
  }

  #positionOf(source: string): FeedPosition {
    const known = this.#sources.get(source);
    const position = known ?? new FeedPosition(source, this.#rules.skewMs);
    if (known === undefined) this.#sources.set(source, position);
    return position;
  }

  #strays(event: AuditEvent, expected: AuditExpectation): AuditFinding[] {
    const { decision_id: decisionId } = event.data;
    return expectationFindings(event, expected)
      .filter(({ severity }) => severity === "error")
      .map((finding) => ({ ...finding, decisionId, eventId: event.id }));
  }

  #decisionOf(event: AuditEvent): Decision {
    const id = canonicalId(event.data.decision_id);
    const open = this.#open.get(keyOf(event.source, id));
    if (open !== undefined) return open.decision;
    const finished = this.#index.get(`d ${event.source} ${id}`);
    if (finished !== undefined) return readDecision(finished);
    this.#decisions += 1;
    return beginDecision(event);
  }

  /** A reservation id is used once (ASP §3.3), so it stands in one decision. */
  #sharedReservation(event: AuditEvent): AuditFinding[] {
    if (event.suffix === "bypassed") return this.#bypassedReservation(event);
    const reservation = reservationOf(event);
    if (reservation === undefined) return [];
    const key = `r ${event.source} ${reservation}`;
    const id = canonicalId(event.data.decision_id);
    const known = this.#index.get(key);
    if (known === id) return [];
    if (known !== undefined) {
      return [found("reservation_reused", event, `The reservation ${reservation} was that of another decision.`)];
    }
    this.#index.set(key, id, timeOf(event));
    const bypassed = this.#index.get(`b ${event.source} ${reservation}`);
    return bypassed === undefined || bypassed === id ? [] : [bypassedAndDecided(event, reservation)];
  }

  /** A bypass has no decision (ASP §3.3), so the reservation that it names is made up (§5), and none that was granted. */
  #bypassedReservation(event: AuditEvent & { readonly suffix: "bypassed" }): AuditFinding[] {
    const reservation = canonicalId(event.data.reservation_id);
    if (reservation === undefined) return [];
    const id = canonicalId(event.data.decision_id);
    this.#index.set(`b ${event.source} ${reservation}`, id, timeOf(event));
    const decided = this.#index.get(`r ${event.source} ${reservation}`);
    return decided === undefined || decided === id ? [] : [bypassedAndDecided(event, reservation)];
  }

  /** What is wrong with a decision and was not said yet; what is missing in it only once nothing can mend it. */
  #judge(decision: Decision, problems: readonly LifecycleProblem[], isFinal: boolean): AuditFinding[] {
    const ripe = problems.filter(({ isMissing }) => isFinal || !isMissing);
    if (isFinal && this.#lacksEnd(decision)) ripe.push(missingEnd);
    return ripe.flatMap(({ code, message }) => {
      if (code === "missing_reserve" && this.#mayBeForgotten(decision)) return this.#passOver(decision, message);
      if (decision.reported.includes(message)) return [];
      decision.reported.push(message);
      return { ...lifecycle(code, message), decisionId: decision.id, eventId: decision.facts.at(-1)?.id };
    });
  }

  /** In the order of the feed, only refunds and refused replays follow what has ended. */
  #mayBeForgotten({ facts }: Decision): boolean {
    if (this.#index.forgottenMs === undefined) return false;
    return !this.#isOrdered || facts.every(({ suffix }) => suffix === "refund" || suffix === "replay_rejected");
  }

  #passOver(decision: Decision, message: string): [] {
    if (!decision.reported.includes(message)) this.#uncompared += 1;
    decision.reported.push(message);
    return [];
  }

  /** At its TTL a reservation ends in an event at the latest (ASP §3.2), so a feed that goes on must hold one. */
  #lacksEnd(decision: Decision): boolean {
    const { ttlMs = Infinity } = first(decision, "reserve") ?? {};
    const latestMs = this.#sources.get(decision.source)?.latestMs ?? -Infinity;
    return isOpen(decision) && latestMs > ttlMs + patienceMs;
  }

  /** Keeps a decision at hand as long as more may come of it; then the index has it. */
  #keep(decision: Decision, problems: readonly LifecycleProblem[]): void {
    const { source, id } = decision;
    const key = keyOf(source, id);
    const { due } = this.#positionOf(source);
    const known = this.#open.get(key);
    if (known !== undefined) due.remove(key, known.dueMs);
    const dueMs = this.#dueMs(decision, problems);
    if (dueMs === undefined) {
      this.#open.delete(key);
      this.#index.set(`d ${source} ${id}`, writeDecision(decision), decision.facts.at(-1)?.atMs ?? 0);
      return;
    }
    this.#open.set(key, { decision, dueMs });
    due.add(key, dueMs);
  }

  /** When nothing more is to be expected of a decision; `undefined` where it is over. */
  #dueMs(decision: Decision, problems: readonly LifecycleProblem[]): number | undefined {
    const latestMs = Math.max(...decision.facts.map(({ atMs }) => atMs));
    const isLacking = problems.some(({ isMissing, message }) => isMissing && !decision.reported.includes(message));
    if (isLacking) return latestMs + patienceMs;
    if (isOpen(decision) && !decision.reported.includes(missingEnd.message)) {
      return (first(decision, "reserve")?.ttlMs ?? latestMs) + patienceMs;
    }
    const isExpired = first(decision, "ttl_expired") !== undefined && !hasEnded(decision);
    const graceEndMs = latestMs + (this.#rules.graceMs ?? longestGraceMs) + patienceMs;
    return isExpired && graceEndMs > (this.#sources.get(decision.source)?.latestMs ?? 0) ? graceEndMs : undefined;
  }

  /** Decisions that have waited long enough are judged, where events come in their order, and leave memory. */
  #lookAt(position: FeedPosition): AuditFinding[] {
    return position.due.take(position.latestMs).flatMap((key) => {
      const open = this.#open.get(key);
      if (open === undefined) return [];
      const { decision } = open;
      const problems = lifecycleProblems(decision, this.#rules);
      const findings = this.#isOrdered ? this.#judge(decision, problems, true) : [];
      const dueMs = this.#dueMs(decision, problems);
      // In any order, what is missing may be on the next line, however late: it is judged at the end.
      if (dueMs === undefined || dueMs > position.latestMs) this.#keep(decision, problems);
      return findings;
    });
  }

  #checkpoint(): AuditCheckpoint {
    const remembered = this.#index.entries === undefined ? undefined : [...this.#index.entries()];
    const { forgottenMs } = this.#index;
    return {
      version: 1,
      sources: Array.from(this.#sources.values(), ({ state }) => state),
      open: Array.from(this.#open.values(), ({ decision }) => writeDecision(decision)),
      promised: this.#promises.open,
      ...(remembered !== undefined && { remembered }),
      ...(forgottenMs !== undefined && { forgottenMs }),
    };
  }
}

const missingEnd = {
  code: "missing_end",
  message: "The reservation has no end, though its TTL passed within the feed: an event was removed.",
  isMissing: true,
} as const;

function bypassedAndDecided(event: AuditEvent, reservation: string): AuditFinding {
  const message = `The reservation ${reservation} was decided on, and is that of a call bypassed without a decision.`;
  return found("bypassed_and_decided", event, message);
}

/** Granted, and neither settled, released nor expired. */
function isOpen(decision: Decision): boolean {
  const isGranted = first(decision, "reserve") !== undefined;
  return isGranted && !hasEnded(decision) && first(decision, "ttl_expired") === undefined;
}

function keyOf(source: string, id: string): string {
  return `${source} ${id}`;
}
