import { type AuditEvent, type AuditSuffix, parseTimestamp } from "@imprest/core/models/asp";
import type { PromisedEvent } from "../promised-event.ts";
import { type AuditFinding, found, lifecycle } from "./audit-finding.ts";
import { readPromisedEvent } from "./read-promised-event.ts";
import { canonicalId } from "./semantics.ts";

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
      const { verb, reservationId, idempotencyKey, amountAtomic, ttlExpiresAt, signature } = promise;
      const promises = this.#open.get(signature) ?? new Map<string, PromisedEvent>();
      const about = JSON.stringify([verb, canonicalId(reservationId), idempotencyKey, amountAtomic, ttlExpiresAt]);
      this.#open.set(signature, promises.set(about, promise));
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

  /** Those whose event has not come. */
  get open(): PromisedEvent[] {
    return [...this.#open.values()].flatMap((promises) => [...promises.values()]);
  }

  /** The promises that an event of another request has broken. */
  get broken(): readonly AuditFinding[] {
    return this.#broken;
  }

  /** The promises that no event has kept. */
  missing(): AuditFinding[] {
    return this.open.map((promise) => {
      const message = `The authority promised the event of a ${described(promise)}; it is not here.`;
      return lifecycle("promised_event_missing", message);
    });
  }
}

function isKeptBy(promise: PromisedEvent, { suffix, data }: AuditEvent): boolean {
  const { verb, reservationId, idempotencyKey, amountAtomic, ttlExpiresAt } = promise;
  const reservation = "reservation_id" in data ? canonicalId(data.reservation_id) : undefined;
  const key = data.runtime_metadata?.["idempotency_key"];
  // An answer without a reservation is a denial (ASP §4 ReserveResponse), and a grant is no event of it. A promise that
  // was kept with neither reservation nor key says nothing of either.
  const denies = "decision" in data && data.decision === "DENY";
  const wasDenied = reservationId === undefined && idempotencyKey !== "";
  if (verb === "reserve" && (denies ? reservationId !== undefined : wasDenied)) return false;
  if (amountAtomic !== undefined && !isAmountOf(data, amountAtomic)) return false;
  const ttl = "ttl_expires_at" in data && data.ttl_expires_at !== undefined ? data.ttl_expires_at : undefined;
  if (ttlExpiresAt !== undefined && parseTimestamp(ttl) !== parseTimestamp(ttlExpiresAt)) return false;
  return (
    suffixes[verb].includes(suffix) &&
    isUnlessAbsent(reservation, canonicalId(reservationId)) &&
    isUnlessAbsent(key, idempotencyKey === "" ? undefined : idempotencyKey)
  );
}

/** What a reserve asked for, a commit observed or a refund gave back. */
function isAmountOf(data: AuditEvent["data"], amountAtomic: string): boolean {
  const asked = BigInt(amountAtomic);
  if ("amount_atomic_observed" in data) return data.amount_atomic_observed === asked;
  if ("amount_atomic_refunded" in data) return data.amount_atomic_refunded === asked;
  return !("amount_atomic_reserved" in data) || data.amount_atomic_reserved === asked;
}

/** The draft gives a reserve's event no reservation id, and none a key; what an authority does sign must agree. */
function isUnlessAbsent(signed: unknown, promised: string | undefined): boolean {
  return typeof signed !== "string" || promised === undefined || signed === promised;
}

function broken(promise: PromisedEvent, event: AuditEvent): AuditFinding {
  const message = `The authority answered a ${described(promise)} with the signature of another request's ${event.suffix}.`;
  return found("promised_event_mismatch", event, message);
}

function described({ verb, reservationId, idempotencyKey, amountAtomic }: PromisedEvent): string {
  const about = [
    ...(reservationId === undefined ? [] : [`reservation ${reservationId}`]),
    ...(idempotencyKey === "" ? [] : [`key ${idempotencyKey}`]),
    ...(amountAtomic === undefined ? [] : [`amount ${amountAtomic}`]),
  ].join(", ");
  return about === "" ? verb : `${verb} (${about})`;
}
