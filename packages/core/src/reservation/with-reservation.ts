import type { Amount } from "../amount/amount.ts";
import { SettlementError } from "../errors/spend-errors.ts";
import { openHandle } from "./open-reservation.ts";
import type { BodyOptions } from "./options.ts";
import type { SpendAuthority } from "../authority/authority.ts";
import type { ReserveRequest } from "../authority/request.ts";
import type { Settlement } from "../authority/settlement.ts";
import type { ReservationHandle } from "./reservation-handle.ts";
import type { Reservation } from "../authority/reservation.ts";

/**
 * Reserves, runs `body`, and settles by what became of it: commits what it spent, releases when nothing was, and sends
 * nothing when nobody knows. See ARCHITECTURE.md for the whole table.
 * @throws what `openReservation` throws, with the body not started; what `body` throws; SpendUnknownError, carrying the
 * value, when it returned and nothing says what it cost.
 */
export async function withReservation<Value>(
  authority: SpendAuthority,
  request: ReserveRequest,
  body: (reservation: Reservation) => Value | PromiseLike<Value>,
  options: BodyOptions<Value> = {},
): Promise<{ value: Value; settlement: Settlement }> {
  const handle = await openHandle(authority, request, options);
  let value: Value;
  try {
    value = await inContext(authority, handle, () => body(handle));
  } catch (error) {
    await settleFailure(handle, options.partial, []);
    throw error;
  }
  return { value, settlement: await settleReturn(handle, value, options) };
}

/** Runs a body so that reservations opened inside it find this one. */
export function inContext<Result>(authority: SpendAuthority, handle: ReservationHandle, body: () => Result): Result {
  const context = authority.environment?.context;
  return context === undefined ? body() : context.run(handle, body);
}

/** The settlement of a body that ended well. @throws SpendUnknownError with the value when nothing says what it cost. */
export async function settleReturn<Item>(
  handle: ReservationHandle,
  value: Item,
  { spend, settle }: Pick<BodyOptions<Item>, "spend" | "settle">,
): Promise<Settlement> {
  if (handle.ended) return handle.settlement;
  try {
    const spent = spend?.(value);
    if (spent) handle.spend(spent);
  } catch (cause) {
    throw await handle.abandon(value, cause);
  }
  try {
    if (handle.tracker.status !== "known" && settle === "estimate") return await handle.commitStandIn(handle.reserved);
    return await handle.commitKnown(value);
  } catch (error) {
    throw SettlementError.isInstance(error) ? withValue(error, value) : error;
  }
}

/**
 * Settles a body that threw, was aborted or was left early. Never throws: the caller's own error goes first. A release
 * is not waited for; a commit is, up to its first attempt, because it is money.
 * @param figure what a known spend is: all there is, or, of a stream that did not end, what had been said so far.
 */
export async function settleFailure<Item>(
  handle: ReservationHandle,
  partial: BodyOptions<Item>["partial"],
  seen: readonly Item[],
  figure: "total" | "lower-bound" = "total",
): Promise<void> {
  if (handle.ended) return;
  const { status, total } = handle.tracker;
  if (status === "none") {
    handle.finish({ kind: "release", reason: "the guarded call failed before it spent" }).catch(() => {});
    return;
  }
  try {
    if (status === "known" && figure === "total") return void (await handle.commitKnown());
    const standIn = priceOf(handle, partial, seen) ?? (status === "known" ? total : undefined);
    if (standIn) await handle.commitStandIn(standIn);
    else await handle.abandon();
  } catch (cause) {
    // Already told to the observer and kept as a dead letter; a broken `partial` leaves the spend unknown.
    if (!handle.ended) await handle.abandon(undefined, cause);
  }
}

function priceOf<Item>(
  handle: ReservationHandle,
  partial: BodyOptions<Item>["partial"],
  seen: readonly Item[],
): Amount | undefined {
  if (partial === "estimate") return handle.reserved;
  const seenCost = partial?.(seen);
  // A price of what was seen knows nothing of what nested reservations spent.
  return seenCost && { unit: seenCost.unit, amount: seenCost.amount + handle.tracker.nested };
}

function withValue(error: SettlementError, value: unknown): SettlementError {
  const { spendHappened, reservationId, idempotencyKey, settlement } = error;
  const fields = { spendHappened, reservationId, idempotencyKey, settlement, value };
  return new SettlementError(error.message, fields, { cause: error.cause });
}
