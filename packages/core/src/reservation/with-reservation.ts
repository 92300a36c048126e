import type { Amount } from "../amount/amount.ts";
import { SettlementError } from "../errors/spend-errors.ts";
import { abortedError, raceAbort } from "../platform/async.ts";
import { openHandle } from "./open-reservation.ts";
import type { BodyOptions } from "./options.ts";
import type { SpendAuthority } from "../authority/authority.ts";
import { type AuthoritySource, authorityOf } from "../authority/source.ts";
import type { ReserveRequest } from "../authority/request.ts";
import type { ReleaseReason, Settlement } from "../authority/settlement.ts";
import { type ReservationHandle, remedies } from "./reservation-handle.ts";
import type { Reservation } from "../authority/reservation.ts";

/**
 * Reserves, runs `body`, and settles by what became of it. Calling the body makes spend possible: what it says it spent is
 * committed, what it says was unspent is released, and of what nobody knows nothing is sent. See ARCHITECTURE.md for the
 * whole table.
 * @throws what `openReservation` throws, with the body not started; what `body` throws; SpendUnknownError, carrying the
 * value, when it returned and nothing says what it cost.
 * @example
 * const request = { estimate: usd("0.10"), action: { kind: "tool.search" } };
 * const { value, settlement } = await withReservation(authority, request, ({ signal }) => search("tea", signal), {
 *   spend: ({ cost }) => cost,
 * });
 */
export async function withReservation<Value>(
  source: AuthoritySource,
  request: ReserveRequest,
  body: (reservation: Reservation) => Value | PromiseLike<Value>,
  options: BodyOptions<Value> = {},
): Promise<{ value: Value; settlement: Settlement }> {
  const authority = authorityOf(source);
  const handle = await openHandle(authority, request, options);
  let value: Value;
  try {
    value = await inContext(authority, handle, () => body(handle));
  } catch (error) {
    await settleFailure(handle, options, [], error);
    throw error;
  }
  return { value, settlement: await settleReturn(handle, value, options) };
}

/**
 * Runs a body so that reservations opened inside it find this one. One whose signal has aborted since the grant does not start.
 * @throws AbortedError then, with nothing spent; what `body` throws.
 */
export function inContext<Result>(authority: SpendAuthority, handle: ReservationHandle, body: () => Result): Result {
  if (handle.signal.aborted) {
    handle.tracker.unspent();
    throw abortedError(handle.signal, "The reservation");
  }
  const context = authority.environment?.context;
  return context === undefined ? body() : context.run(handle, body);
}

const unused: ReleaseReason = { code: "unused", text: "the guarded call said that nothing was spent" };

/** The settlement of a body that ended well. @throws SpendUnknownError with the value when nothing says what it cost. */
export async function settleReturn<Item>(
  handle: ReservationHandle,
  value: Item,
  { spend, settle }: Pick<BodyOptions<Item>, "spend" | "settle">,
): Promise<Settlement> {
  if (handle.ended) return handle.settlement;
  try {
    await noteSpend(handle, spend, value);
  } catch (cause) {
    // A price function may have settled by itself before it threw.
    if (handle.ended) return handle.settlement;
    throw await handle.abandon(value, cause);
  }
  if (handle.ended) return handle.settlement;
  try {
    const { status, estimateLeft } = handle.tracker;
    if (status === "none") return await handle.finish({ kind: "release", reason: unused });
    if (status === "possible" && settle === "estimate") return await handle.commitStandIn(estimateLeft);
    return await handle.commitKnown(value);
  } catch (error) {
    throw SettlementError.isInstance(error) ? withValue(error, value) : error;
  }
}

/**
 * Notes what `spend` says of an item. An answer that never comes ends with the signal of the reservation.
 * @throws what `spend` throws; ValidationError for what is no amount; AbortedError.
 */
export async function noteSpend<Item>(
  handle: ReservationHandle,
  spend: BodyOptions<Item>["spend"],
  item: Item,
): Promise<void> {
  const said = spend?.(item);
  if (!said) return;
  const spent = "then" in said ? await raceAbort(Promise.resolve(said), handle.signal, "The price") : said;
  // A body that has settled by hand has said what it spent.
  if (spent && !handle.ended) handle.spend(spent);
}

/**
 * Settles a body that threw, was aborted or was left early. Never throws: the caller's own error goes first. A release
 * is not waited for; a commit is, up to its first attempt, because it is money.
 * @param figure what a stated spend is: all there is, or, of a stream that did not end, what had been said so far.
 */
export async function settleFailure<Item>(
  handle: ReservationHandle,
  { unspent, partial }: Pick<BodyOptions<Item>, "unspent" | "partial">,
  seen: readonly Item[],
  error: unknown,
  figure: "total" | "lower-bound" = "total",
): Promise<void> {
  if (handle.ended) return;
  const { tracker } = handle;
  try {
    if (unspent?.(error) === true) tracker.unspent();
    // The callbacks are the caller's code, and may have ended the reservation.
    if (handle.ended) return;
    const { status, total } = tracker;
    if (status === "none") {
      handle.finish({ kind: "release", reason: failure(error) }).catch(() => {});
    } else if (status === "known" && figure === "total" && tracker.own !== undefined) {
      await handle.commitKnown();
    } else {
      const standIn = priceOf(handle, partial, seen, error) ?? (status === "known" ? total : undefined);
      if (handle.ended) return;
      if (standIn) await handle.commitStandIn(standIn);
      else await handle.abandon(undefined, error, remedies.failed);
    }
  } catch (cause) {
    // Emitted and kept as a dead letter already; an `unspent` or a `partial` that breaks leaves the spend unknown.
    if (!handle.ended) await handle.abandon(undefined, cause, remedies.failed);
  }
}

/** Why a body that failed is released: it said that nothing was spent. */
function failure(error: unknown): ReleaseReason {
  const name = error instanceof Error ? error.name : "";
  if (name === "AbortError" || name === "AbortedError")
    return { code: "aborted", text: "the guarded call was aborted" };
  if (name === "TimeoutError") return { code: "timed_out", text: "the guarded call ran out of time" };
  return { code: "failed", text: "the guarded call failed and nothing was spent" };
}

/** What `partial` says. @throws ValidationError for what is no amount of the reservation: it must not reach the books. */
function priceOf<Item>(
  handle: ReservationHandle,
  partial: BodyOptions<Item>["partial"],
  seen: readonly Item[],
  error: unknown,
): Amount | undefined {
  if (partial === "estimate") return handle.tracker.estimateLeft;
  const seenCost = partial?.(seen, error);
  if (!seenCost) return undefined;
  const { unit, amount } = handle.tracker.read(seenCost, "partial");
  // A price of what was seen knows nothing of what nested reservations spent.
  return { unit, amount: amount + handle.tracker.nested };
}

function withValue(error: SettlementError, value: unknown): SettlementError {
  const { spendHappened, reservationId, idempotencyKey, settlement } = error;
  const fields = { spendHappened, reservationId, idempotencyKey, settlement, value };
  return new SettlementError(error.message, fields, { cause: error.cause });
}
