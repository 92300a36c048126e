import type { CallOptions } from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import type { ReservationDetail } from "@imprest/core/models/cycles";
import { type CyclesAuthority, NotFoundError, ReservationExpiredError } from "@imprest/cycles";
import type { Attempt } from "../ledger/attempt.ts";
import { claimName } from "./cycles-budget.ts";
import type { Standing } from "./standing.ts";

/** As a Cycles server has it, which shows its reservations. */
export async function cyclesStanding(
  authority: CyclesAuthority,
  { reservationId: known, reserveBody, claim }: Attempt,
  { signal }: Pick<CallOptions, "signal">,
): Promise<Standing | undefined> {
  try {
    const found =
      known === undefined
        ? await find(authority, reserveBody, claim, signal)
        : await authority.client.getReservation(known, { signal });
    if (found === undefined) return { status: "gone", reservationId: "none" };
    const { reservation_id: reservationId, status } = found;
    if (status === "ACTIVE") return { status: "open", reservationId, isLive: true };
    if (status === "COMMITTED") return { status: "committed", reservationId, amount: found.committed?.amount };
    return { status: status === "RELEASED" ? "released" : "gone", reservationId };
  } catch (error) {
    if (signal?.aborted) throw error;
    const isGone = ReservationExpiredError.isInstance(error) || NotFoundError.isInstance(error);
    return isGone ? { status: "gone", reservationId: known ?? "none" } : undefined;
  }
}

/** The worker may have died before it noted the id: the reserve's own key finds the reservation. */
async function find(
  { client }: CyclesAuthority,
  reserveBody: string,
  claim: string,
  signal: AbortSignal | undefined,
): Promise<ReservationDetail | undefined> {
  const { idempotency_key: key } = parseJson(reserveBody) as { readonly idempotency_key: string };
  const query = { idempotency_key: key, include: ["metadata"] };
  for await (const found of client.listReservations(query, { signal })) {
    const owner = found.metadata?.[claimName];
    if (owner === undefined || owner === claim) return found;
  }
  return undefined;
}
