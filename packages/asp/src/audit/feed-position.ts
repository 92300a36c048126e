import type { AuditEvent } from "@imprest/core/models/asp";
import { type AuditFinding, found, lifecycle } from "./audit-finding.ts";
import { timeOf } from "./decision.ts";
import { DueQueue } from "./due-queue.ts";
import { type SequenceRange, SequenceRanges } from "./sequence-ranges.ts";
import type { AuditKey } from "./verify-audit-event.ts";

/** The signed member of `runtime_metadata` in which an authority may number its events, from 1. */
export const sequenceKey = "feed_sequence" as const;

/** How far the feed of one source has come, as a checkpoint carries it. */
export interface FeedPositionState {
  readonly source: string;
  readonly ranges: readonly SequenceRange[];
  /** Gaps up to here have been reported. */
  readonly judgedTo: number;
  /** The latest `event_time`, epoch milliseconds. */
  readonly latestMs: number;
  /** Each key, its end as it was published, and when it signed first and last. */
  readonly keys: readonly SigningTimes[];
}

interface SigningTimes {
  readonly kid: string;
  readonly publicKey: string;
  readonly notAfterMs?: number | undefined;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** More keys than an issuer may publish. */
const mostKeys = 200;

/** Where the feed of one source stands: its numbers, its times and its keys. */
export class FeedPosition {
  readonly due: DueQueue = new DueQueue();
  readonly #source: string;
  readonly #skewMs: number;
  readonly #sequence: SequenceRanges;
  readonly #keys: Map<string, SigningTimes>;
  #judgedTo: number;
  #latestMs: number;

  constructor(source: string, skewMs: number, state?: FeedPositionState) {
    this.#source = source;
    this.#skewMs = skewMs;
    this.#sequence = new SequenceRanges(state?.ranges);
    this.#keys = new Map(state?.keys.map((key) => [key.kid, key]));
    this.#judgedTo = state?.judgedTo ?? 0;
    this.#latestMs = state?.latestMs ?? -Infinity;
  }

  get latestMs(): number {
    return this.#latestMs;
  }

  /**
   * Places an event. @returns what is wrong with where it stands; `isNew` is false for a number that another event has.
   */
  place(event: AuditEvent, isInOrder: boolean): { readonly findings: AuditFinding[]; readonly isNew: boolean } {
    const atMs = timeOf(event);
    const number = numberOf(event);
    const last = this.#sequence.last;
    const isBack = atMs < this.#latestMs - this.#skewMs;
    if (number !== undefined && !this.#sequence.add(number)) {
      const message = `The number ${number} was that of another event.`;
      return { findings: [found("sequence_reused", event, message)], isNew: false };
    }
    this.#latestMs = Math.max(this.#latestMs, atMs);
    const isMoved = number === undefined ? isBack : number < (last ?? 0);
    const findings: AuditFinding[] = [];
    if (isMoved && isInOrder) findings.push(found("out_of_order", event, outOfOrder));
    // Whoever backdates an event cannot place it among those of that time.
    if (number !== undefined && !isMoved && isBack) findings.push(found("time_runs_back", event, runsBack));
    return { findings, isNew: true };
  }

  /** @returns what is wrong with the key that signed an event, beside what was known of it before. */
  noteKey(event: AuditEvent, { kid, publicKey, notAfterMs }: AuditKey): AuditFinding[] {
    const atMs = timeOf(event);
    const known = this.#keys.get(kid);
    if (known === undefined) {
      if (this.#keys.size < mostKeys) this.#keys.set(kid, { kid, publicKey, notAfterMs, firstMs: atMs, lastMs: atMs });
      return [];
    }
    const { firstMs, lastMs } = known;
    const isChanged = publicKey !== known.publicKey;
    const isLonger = known.notAfterMs !== undefined && (notAfterMs ?? Infinity) > known.notAfterMs;
    if (!isChanged && !isLonger && notAfterMs === known.notAfterMs && firstMs <= atMs && atMs <= lastMs) return [];
    const times = { firstMs: Math.min(firstMs, atMs), lastMs: Math.max(lastMs, atMs) };
    this.#keys.set(kid, { kid, publicKey, notAfterMs, ...times });
    if (isChanged) return [found("key_changed", event, `The kid ${JSON.stringify(kid)} was another key's before.`)];
    if (!isLonger) return [];
    return [
      found("key_end_moved", event, `The key ${JSON.stringify(kid)} had an end before, and now has a later one.`),
    ];
  }

  /** What is missing among the numbers, once. */
  gaps(): AuditFinding[] {
    const gaps = this.#sequence.gaps(this.#judgedTo + 1);
    this.#judgedTo = this.#sequence.last ?? this.#judgedTo;
    return gaps.map(([first, last]) => {
      const which = first === last ? `event ${first}` : `events ${first} to ${last}`;
      return lifecycle("sequence_gap", `The feed of ${this.#source} lacks ${which}: removed.`);
    });
  }

  get state(): FeedPositionState {
    const { ranges } = this.#sequence;
    const [judgedTo, latestMs] = [this.#judgedTo, this.#latestMs];
    return { source: this.#source, ranges, judgedTo, latestMs, keys: [...this.#keys.values()] };
  }
}

const outOfOrder = "The event stands after one that came later: lines were moved.";
const runsBack = "The event is numbered after one of a later time: it was dated back, or made up since.";

/** The number of an event in its feed, where its authority has signed one into it. */
export function numberOf({ data }: AuditEvent): number | undefined {
  const number = data.runtime_metadata?.[sequenceKey];
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}
