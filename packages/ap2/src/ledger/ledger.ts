import { type Clock, type RandomBytes, type RecordStore, type StoredRecord } from "@imprest/core";
import { randomHex } from "@imprest/core/internal";
import { worker } from "#worker";
import { AP2AlreadyConsumed, AP2GuardError } from "../errors.ts";
import type { Identities } from "../idempotency-key.ts";
import { halfSha256Hex } from "../sha256.ts";
import { type AttemptPlace, type Wish, admit } from "./admit.ts";
import { type Attempt, type AttemptPhase, type PaymentRecord, counts, readRecord, writeRecord } from "./attempt.ts";
import { ClaimedAttempt } from "./claimed-attempt.ts";

/** Where the ledger stands in a store. */
export const recordPrefix = "ap2-payment:";
const linkPrefix = "ap2-link:";

/** What a claim needs besides the wish. */
export interface ClaimRequest extends Pick<Identities, "scope" | "links"> {
  readonly wish: Omit<Wish, "nowMs">;
  /** The payment in microcents. */
  readonly microcents: bigint;
  /** A movement of its own scope, which no other form of the purchase has. */
  readonly isRefund?: boolean | undefined;
  /** The first phase to record: `charging` when the body may reach the PSP at any moment. */
  readonly phase: "reserving" | "charging";
  /** The reserve's bytes for a place and a claim. */
  readonly reserveBody: (scope: string, attempt: Pick<Attempt, "claim" | "occurrence" | "epoch" | "leg">) => string;
}

/**
 * What was tried under each mandate, in a record store: the one place that decides whether a payment may run, in every
 * process that shares the store. A record changes only by compare-and-set, so of any number of workers one wins.
 */
export class PaymentLedger {
  readonly records: RecordStore;
  readonly target: string;
  readonly clock: Clock;
  /** Of the target: one server has as many addresses as spellings, and a claim must be the same under each. */
  readonly #tenant: string;
  readonly #random: RandomBytes | undefined;

  constructor(records: RecordStore, target: string, clock: Clock, random?: RandomBytes) {
    this.records = records;
    this.target = target;
    this.#tenant = target.split("#tenant=")[1] ?? "";
    this.clock = clock;
    this.#random = random;
  }

  /**
   * Takes the mandate for one attempt, or goes on with one whose reserve was left unclear.
   * @throws AP2AlreadyConsumed when the mandate is used or in use; what the store throws.
   */
  async claim(request: ClaimRequest): Promise<ClaimedAttempt> {
    const { scope, others } = await this.#placeOf(request);
    for (const other of others) await this.#useElsewhere(request, other);
    const key = this.recordKey(scope);
    const fresh = this.#attempt(request, scope, { occurrence: 0, epoch: 0, pspEpoch: 0, leg: request.wish.leg });
    const record: PaymentRecord = { version: 1, scope, target: this.target, attempts: [fresh] };
    // A mandate is new far more often than not: one write, and no read before it. It still has to be admitted.
    const first = admit([], { ...request.wish, nowMs: this.clock.now() });
    if ("refused" in first) throw consumed(first);
    const version = await this.records.create(key, writeRecord(record));
    if (version !== undefined) return new ClaimedAttempt(this, key, record, fresh, version);
    return this.#claimAgain(request, scope, key);
  }

  async #claimAgain(request: ClaimRequest, scope: string, key: string): Promise<ClaimedAttempt> {
    for (;;) {
      const stored = await this.records.read(key);
      if (stored === undefined) return this.claim(request);
      const record = this.read(stored);
      const admission = admit(record.attempts, { ...request.wish, nowMs: this.clock.now() });
      if ("refused" in admission) throw consumed(admission);
      const attempt =
        "resume" in admission
          ? this.#resumed(request, scope, admission.resume)
          : this.#attempt(request, scope, admission.place);
      const others = record.attempts.filter(({ claim }) => claim !== attempt.claim);
      const next: PaymentRecord = { ...record, attempts: [...others, attempt] };
      const version = await this.records.replace(key, writeRecord(next), stored.version);
      if (version !== undefined) return new ClaimedAttempt(this, key, next, attempt, version, "resume" in admission);
    }
  }

  /** The record of a purchase, under whichever of its identities it was tried. */
  async find({
    scope,
    transactionId,
    links,
  }: Identities): Promise<(StoredRecord & { readonly record: PaymentRecord }) | undefined> {
    const linked = await Promise.all([this.#transaction(transactionId), ...links].map((link) => this.#linked(link)));
    const agreed = linked.find((found) => found !== undefined) ?? scope;
    const stored = await this.records.read(this.recordKey(agreed));
    return stored && { ...stored, record: this.read(stored) };
  }

  /** The record as it stands. @throws AP2GuardError when it cannot be read: that is no leave to pay. */
  read(stored: StoredRecord): PaymentRecord {
    const record = readRecord(stored.value);
    if (record !== undefined) return record;
    throw unreadable(stored.key);
  }

  /**
   * A transaction id is whatever its merchant chose, so two tenants may have the same; an open mandate is one mandate
   * whoever presents it, and through whichever tenant.
   */
  recordKey(scope: string): string {
    return scope.startsWith("ap2:open_mandate:")
      ? `${recordPrefix}${scope}`
      : `${recordPrefix}${scope}@${this.#tenant}`;
  }

  /**
   * The scope that every form of one purchase shares: whoever comes first names it, by its transaction and by each of its
   * mandates. A transaction that was tried under another scope than its mandate stays there; the mandate is used up in
   * `others` too.
   */
  async #placeOf({
    scope,
    links,
    wish,
    isRefund,
  }: ClaimRequest): Promise<{ readonly scope: string; readonly others: string[] }> {
    let mandate = scope;
    const named = new Set<string>();
    for (const link of links.toSorted()) {
      const found = await this.#link(link, mandate);
      if (named.size === 0) mandate = found;
      named.add(found);
    }
    if (isRefund) return { scope, others: [] };
    const agreed = await this.#link(this.#transaction(wish.transactionId), mandate);
    return { scope: agreed, others: [...named].filter((other) => other !== agreed) };
  }

  /** What a link names, which is `scope` if nothing did. */
  async #link(link: string, scope: string): Promise<string> {
    if ((await this.records.create(await linkKey(link), scope)) !== undefined) return scope;
    return (await this.#linked(link)) ?? scope;
  }

  /** A transaction id is whatever its merchant chose, so it names one purchase of one tenant. */
  #transaction(transactionId: string): string {
    return `tx:${transactionId}@${this.#tenant}`;
  }

  /** Counts a payment that is kept in another record as a use of this scope's mandate. @throws AP2AlreadyConsumed. */
  async #useElsewhere({ wish, microcents }: ClaimRequest, scope: string): Promise<void> {
    const key = this.recordKey(scope);
    for (;;) {
      const stored = await this.records.read(key);
      const record = stored ? this.read(stored) : { version: 1 as const, scope, target: this.target, attempts: [] };
      if (record.attempts.some((one) => counts(one) && one.transactionId === wish.transactionId)) return;
      const admission = admit(record.attempts, { ...wish, nowMs: this.clock.now() });
      if ("refused" in admission) throw consumed(admission);
      // One that waits to be resumed is of the same mandate, and may still become a payment.
      if ("resume" in admission) throw consumed({ refused: "The mandate is being used for another transaction." });
      const settled = { wish, microcents, phase: "settled" as const, reserveBody: () => "{}" };
      const use = this.#attempt(settled, scope, admission.place);
      const next = writeRecord({ ...record, attempts: [...record.attempts, use] });
      const written = stored
        ? await this.records.replace(key, next, stored.version)
        : await this.records.create(key, next);
      if (written !== undefined) return;
    }
  }

  async #linked(link: string): Promise<string | undefined> {
    const stored = await this.records.read(await linkKey(link));
    if (stored === undefined) return undefined;
    if (typeof stored.value === "string") return stored.value;
    throw unreadable(stored.key);
  }

  #attempt(request: AttemptRequest, scope: string, { occurrence, epoch, pspEpoch, leg }: AttemptPlace): Attempt {
    const { wish, microcents, phase, isRefund } = request;
    const place = { occurrence, epoch, pspEpoch, ...(leg !== undefined && { leg }) };
    const claim = randomHex(16, this.#random);
    const nowMs = this.clock.now();
    return {
      claim,
      phase,
      transactionId: wish.transactionId,
      ...(wish.delegations && { delegations: wish.delegations.map(({ id }) => id) }),
      ...place,
      amount: wish.amount.toString(),
      microcents: microcents.toString(),
      ...(isRefund && { isRefund }),
      reserveBody: request.reserveBody(scope, { claim, ...place }),
      startedAtMs: nowMs,
      touchedAtMs: nowMs,
      worker: worker.name,
    };
  }

  /** The attempt again under its own key and bytes; another request must not slip in under them. */
  #resumed(request: ClaimRequest, scope: string, attempt: Attempt): Attempt {
    if (request.reserveBody(scope, attempt) !== attempt.reserveBody) {
      throw consumed({
        refused: "An earlier attempt with another request was left unclear: repeat that one, or recover().",
        phase: attempt.phase,
      });
    }
    const { suspended: _, ...again } = attempt;
    return { ...again, phase: request.phase, touchedAtMs: this.clock.now(), worker: worker.name };
  }
}

/** What an attempt is made of. */
interface AttemptRequest extends Pick<ClaimRequest, "wish" | "microcents" | "isRefund" | "reserveBody"> {
  readonly phase: AttemptPhase;
}

async function linkKey(link: string): Promise<string> {
  return `${linkPrefix}${await halfSha256Hex(link)}`;
}

/** A claim that cannot be read is no leave to pay. */
function unreadable(key: string): AP2GuardError {
  const message = `The payment record ${key} is not one that this version can read. Nothing was paid; look into the store.`;
  return new AP2GuardError("ERR_AP2_LEDGER", message);
}

function consumed({
  refused,
  phase,
  reservationId,
}: {
  readonly refused: string;
  readonly phase?: string | undefined;
  readonly reservationId?: string | undefined;
}): AP2AlreadyConsumed {
  return new AP2AlreadyConsumed(`${refused} Nothing was started.`, {
    reasonCode: "ALREADY_CONSUMED",
    phase,
    reservationId,
  });
}
