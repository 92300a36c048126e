import type { Grant } from "@imprest/core";
import { outboxOf } from "@imprest/core/internal";
import type { PaymentAuthority } from "./authority.ts";

/** Cycles §extend: at most a day at once. */
const dayMs = 86_400_000;

/**
 * Keeps the budget of a payment that no worker runs any more for a day. The same key again lengthens nothing, and its answer
 * says what remains (Cycles §extend, replay). A failure is emitted as `lease-lost`: the hold ends with its lease.
 * @returns how much of the day has passed by the authority's time, in milliseconds; at most that.
 */
export async function lengthenHold(authority: PaymentAuthority, grant: Grant, idempotencyKey: string): Promise<number> {
  try {
    const lease = await authority.extend?.(grant, { ms: dayMs, idempotencyKey }, { timeoutMs: 5_000 });
    return dayMs - (lease?.remainingMs ?? dayMs);
  } catch (error) {
    const { protocol } = authority;
    outboxOf(authority).observer?.emit("lease-lost", { protocol, reservationId: grant.id, error: error as Error });
    return 0;
  }
}
