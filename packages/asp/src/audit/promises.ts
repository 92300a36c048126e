import type { AuditEvent, AuditSuffix } from "@imprest/core/models/asp";
import type { PromisedEvent } from "../promised-event.ts";
import { type AuditFinding, found, lifecycle } from "./audit-finding.ts";
import type { LifecycleProblem } from "./lifecycle.ts";
import { readPromisedEvent } from "./read-promised-event.ts";

/**
 * The events that an answer may promise. A commit that is honoured late or charged beyond its reserve has an event of
 * that name (ASP §3.1, §3.2); one that is refused has no answer that promises.
 */
const suffixes: Readonly<Record<PromisedEvent["verb"], readonly AuditSuffix[]>> = {
  reserve: ["reserve"],
  commit: ["commit", "late_commit", "overage_charged"],
  release: ["release"],
  refund: ["refund"],
};

/** What answers promised, each bound to its own event: a signature alone passes from one answer to another. */
export class Promises {
  readonly any: boolean;
  /** Whose signature came on an event that is not the one promised. */
  readonly #broken: AuditFinding[] = [];
  /** By signature, then by what was answered: a repeated request is answered with the same promise (ASP §3.3). */
  readonly #open = new Map<string, Map<string, PromisedEvent>>();

  /** @throws ValidationError for a promise that cannot be bound to an event. */
  constructor(promised: Iterable<PromisedEvent>) {
    for (const given of promised) {
      const promise = readPromisedEvent(given);
      const { verb, reservationId, idempotencyKey, signature } = promise;
      const promises = this.#open.get(signature) ?? new Map<string, PromisedEvent>();
      this.#open.set(signature, promises.set(JSON.stringify([verb, reservationId, idempotencyKey]), promise));
    }
    this.any = this.#open.size > 0;
  }

  /** Takes an authentic event in. @returns the promise that it keeps; any other under its signature is broken. */
  take(event: AuditEvent, signature: string): PromisedEvent | undefined {
    const promises = [...(this.#open.get(signature)?.values() ?? [])];
    this.#open.delete(signature);
    const kept = promises.find((promise) => isKeptBy(promise, event));
    for (const promise of promises) if (promise !== kept) this.#broken.push(broken(promise, event));
    return kept;
  }

  /** The promises that no event has kept. */
  findings(): AuditFinding[] {
    return [...[...this.#open.values()].flatMap((promises) => [...promises.values()].map(missing)), ...this.#broken];
  }
}

function isKeptBy({ verb, reservationId, idempotencyKey }: PromisedEvent, { suffix, data }: AuditEvent): boolean {
  const reservation = "reservation_id" in data ? data.reservation_id : undefined;
  const key = data.runtime_metadata?.["idempotency_key"];
  // An answer without a reservation is a denial (ASP §4 ReserveResponse), and a grant is no event of it. A promise that
  // was kept with neither reservation nor key says nothing of either.
  const denies = "decision" in data && data.decision === "DENY";
  const wasDenied = reservationId === undefined && idempotencyKey !== "";
  if (verb === "reserve" && (denies ? reservationId !== undefined : wasDenied)) return false;
  return (
    suffixes[verb].includes(suffix) &&
    isUnlessAbsent(reservation, reservationId) &&
    isUnlessAbsent(key, idempotencyKey === "" ? undefined : idempotencyKey)
  );
}

/** The draft gives a reserve's event no reservation id, and none a key; what an authority does sign must agree. */
function isUnlessAbsent(signed: unknown, promised: string | undefined): boolean {
  return typeof signed !== "string" || promised === undefined || signed === promised;
}

/** The reserve of a decision was answered with one reservation; what follows must be about it. */
export function promiseProblems({
  reservationId,
  events,
}: {
  readonly reservationId?: string | undefined;
  readonly events: readonly AuditEvent[];
}): LifecycleProblem[] {
  const strays = events.some(
    ({ data }) =>
      "reservation_id" in data && data.reservation_id !== undefined && data.reservation_id !== reservationId,
  );
  if (reservationId === undefined || !strays) return [];
  const message = `The authority answered the reserve with reservation ${reservationId}; its event is another's.`;
  return [{ code: mismatch, message }];
}

const mismatch = "promised_event_mismatch";

function missing(promise: PromisedEvent): AuditFinding {
  const message = `The authority promised the event of a ${described(promise)}; it is not here.`;
  return lifecycle("promised_event_missing", message);
}

function broken(promise: PromisedEvent, event: AuditEvent): AuditFinding {
  const message = `The authority answered a ${described(promise)} with the signature of another request's ${event.suffix}.`;
  return found(mismatch, event, message);
}

function described({ verb, reservationId, idempotencyKey }: PromisedEvent): string {
  const key = idempotencyKey === "" ? [] : [`key ${idempotencyKey}`];
  const about = [...(reservationId === undefined ? [] : [`reservation ${reservationId}`]), ...key].join(", ");
  return about === "" ? verb : `${verb} (${about})`;
}
