import type { Clock, RandomBytes, RecordStore, StoredRecord } from "@imprest/core";
import { randomHex } from "@imprest/core/internal";
import { worker } from "#worker";
import { AP2AlreadyConsumed } from "../errors.ts";
import { type Identities, openMandateScope } from "../idempotency-key.ts";
import { type Admission, type AttemptPlace, type ClaimTerms, admit } from "./admit.ts";
import { type Attempt, type PaymentRecord, type RecordPlace, elsewhere, isUse } from "./attempt.ts";
import { ClaimedAttempt } from "./claimed-attempt.ts";
import { PaymentRecords, isOpenMandate } from "./payment-records.ts";

/** What a claim needs besides its terms. */
export interface ClaimRequest extends Pick<Identities, "scope" | "links"> {
  readonly terms: Omit<ClaimTerms, "nowMs" | "pspTenant">;
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
export class PaymentLedger extends PaymentRecords {
  readonly #random: RandomBytes | undefined;

  constructor(records: RecordStore, target: string, clock: Clock, random?: RandomBytes) {
    super(records, target, clock);
    this.#random = random;
  }

  /**
   * Takes the mandate for one attempt, or goes on with one whose reserve was left unclear. The attempt is kept in the record
   * that the purchase was first tried in, and counts in those of its other mandates, where it is noted before it may charge.
   * @throws AP2AlreadyConsumed when the mandate is used or in use; what the store throws.
   */
  async claim(request: ClaimRequest): Promise<ClaimedAttempt> {
    const { scope, links, terms, isRefund } = request;
    const [home, ...mandates] = await Promise.all([
      isRefund ? scope : this.link(this.transaction(terms.transactionId), scope),
      ...links.map(async (link) => this.link(link, await openMandateScope(link))),
    ]);
    const claimed = await this.#claimIn(home, request, mandates, []);
    try {
      const { attempt, record, scope: kept } = claimed;
      await this.#countIn(mandates, request, { attempt, record, scope: kept });
      return claimed;
    } catch (error) {
      // Nothing was reserved. What cannot be taken back is found by `recover`.
      const undone = claimed.isResumed ? claimed.write({ phase: "reserving", suspended: true }) : claimed.withdraw();
      await undone.catch(() => {});
      throw error;
    }
  }

  /** @param path the scopes that the purchase was followed through. */
  async #claimIn(
    scope: string,
    request: ClaimRequest,
    mandates: readonly string[],
    path: readonly string[],
  ): Promise<ClaimedAttempt> {
    const key = this.recordKey(scope);
    const { transactionId } = request.terms;
    // A mandate is new far more often than not: one write, and no read before it. It still has to be admitted.
    const isNew = scope === request.scope && path.length === 0;
    let stored = isNew ? undefined : await this.records.read(key);
    for (;;) {
      const record = this.recordOf(scope, stored);
      const others = record.elsewhere.filter((one) => one.transactionId !== transactionId);
      const on = record.elsewhere.find((one) => one.transactionId === transactionId)?.elsewhere.scope;
      if (on !== undefined && ![...path, scope].includes(on))
        return this.#claimIn(on, request, mandates, [...path, scope]);
      const admission = await this.#admissionTo(record, request.terms);
      if ("refused" in admission && mayMove(record, request, mandates, path)) {
        await this.#moveOn(key, stored, record, request);
      } else {
        if ("refused" in admission) {
          // Whichever mandates a purchase that is made or under way comes with, it uses them up.
          const attempt = record.attempts.findLast((one) => isUse(one) && one.transactionId === transactionId);
          if (attempt) await this.#countIn(mandates, request, { attempt, record: key, scope });
          throw consumed(admission);
        }
        const attempt =
          "resume" in admission
            ? this.#resumed(request, scope, admission.resume)
            : this.#attempt(request, scope, admission.place);
        const attempts = [...record.attempts.filter(({ claim }) => claim !== attempt.claim), attempt];
        const next = { ...record, attempts, elsewhere: others };
        const version = await this.put(key, next, stored);
        if (version !== undefined) return new ClaimedAttempt(this, key, next, attempt, version, "resume" in admission);
      }
      stored = await this.records.read(key);
    }
  }

  /**
   * Notes that a purchase is kept from now on by the open mandate that it comes with now, which was not tried for it before:
   * of any number of workers, those that come to this record find it there.
   */
  async #moveOn(
    key: string,
    stored: StoredRecord | undefined,
    record: PaymentRecord,
    request: ClaimRequest,
  ): Promise<void> {
    const { scope, terms } = request;
    const to = this.recordKey(scope);
    const admission = await this.#admissionTo(this.recordOf(scope, await this.records.read(to)), terms);
    if ("refused" in admission) throw consumed(admission);
    const place = { occurrence: 0, epoch: 0, pspEpoch: 0, pspTenant: await this.pspTenant(), leg: terms.leg };
    const moved = elsewhere(this.#attempt(request, scope, place), { record: to, scope });
    await this.put(key, { ...record, elsewhere: [...record.elsewhere, moved] }, stored);
  }

  /**
   * Counts an attempt as a use of those mandates whose records do not keep it. It is written before it is counted: whoever
   * reads the entry finds it. @throws AP2AlreadyConsumed.
   */
  async #countIn(
    mandates: readonly string[],
    { terms }: ClaimRequest,
    { attempt, ...place }: RecordPlace & { readonly attempt: Attempt },
  ): Promise<void> {
    const isOfPurchase = ({ transactionId }: Attempt): boolean => transactionId === terms.transactionId;
    for (const scope of new Set(mandates)) {
      const key = this.recordKey(scope);
      for (let isCounted = scope === place.scope; !isCounted;) {
        const stored = await this.records.read(key);
        const record = this.recordOf(scope, stored);
        // Earlier versions wrote a copy that is settled, whatever became of the payment.
        const isCopied = record.attempts.some((one) => isUse(one) && isOfPurchase(one));
        if (isCopied || record.elsewhere.some(({ claim }) => claim === attempt.claim)) break;
        const admission = await this.#admissionTo(record, terms, attempt.claim);
        if ("refused" in admission) throw consumed(admission);
        if ("resume" in admission) throw consumed({ refused: "The mandate is being used for another transaction." });
        const others = record.elsewhere.filter((one) => !isOfPurchase(one));
        const use = elsewhere(attempt, place);
        isCounted = (await this.put(key, { ...record, elsewhere: [...others, use] }, stored)) !== undefined;
      }
    }
  }

  /** @param own a claim that is not counted: it is the one that asks. */
  async #admissionTo(record: PaymentRecord, terms: ClaimRequest["terms"], own?: string): Promise<Admission> {
    const key = this.recordKey(record.scope);
    const kept = await Promise.all(
      record.elsewhere.map(({ transactionId, elsewhere: at }) => this.attemptsAt(at.record, transactionId, [key])),
    );
    const others = kept.flat().filter(({ claim }) => claim !== own);
    return admit(record.attempts, { ...terms, pspTenant: await this.pspTenant(), nowMs: this.clock.now() }, others);
  }

  #attempt(request: ClaimRequest, scope: string, { leg, pspTenant, ...at }: AttemptPlace): Attempt {
    const { terms, microcents, phase, isRefund } = request;
    const place = { ...at, ...(leg !== undefined && { leg }) };
    const claim = randomHex(16, this.#random);
    const nowMs = this.clock.now();
    return {
      claim,
      phase,
      transactionId: terms.transactionId,
      ...(terms.delegations && { delegations: terms.delegations.map(({ id }) => id) }),
      ...place,
      ...(pspTenant !== undefined && { pspTenant }),
      amount: terms.amount.toString(),
      ...(terms.whole !== undefined && { whole: terms.whole }),
      microcents: microcents.toString(),
      ...(isRefund && { isRefund }),
      reserveBody: request.reserveBody(scope, { claim, ...place }),
      startedAtMs: nowMs,
      touchedAtMs: nowMs,
      target: this.target,
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

/**
 * Whether a purchase leaves the record that keeps it, which admits it no more, for that of the open mandate that it comes
 * with now: nothing may have been charged for it, and the mandate whose record that is must not be presented.
 */
function mayMove(
  record: PaymentRecord,
  { scope, terms }: ClaimRequest,
  mandates: readonly string[],
  path: readonly string[],
): boolean {
  const known = [record.scope, ...path];
  const tried = record.attempts.filter(({ transactionId }) => transactionId === terms.transactionId);
  return (
    isOpenMandate(scope) &&
    !known.includes(scope) &&
    !mandates.includes(record.scope) &&
    !tried.some((one) => isUse(one) || one.unproven)
  );
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
