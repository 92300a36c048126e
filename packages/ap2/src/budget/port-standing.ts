import type { CallOptions, SpendAuthority } from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import { AP2GuardDenied } from "../errors.ts";
import type { Attempt } from "../ledger/attempt.ts";
import { reserveThrough } from "./port-budget.ts";
import type { Standing } from "./standing.ts";

/** A port does not show how a reservation stands, so it is asked by repeating the reserve; settling again is under one key. */
export async function portStanding(
  authority: SpendAuthority,
  { reservationId: known, reserveBody }: Attempt,
  { signal, asksLife }: Pick<CallOptions, "signal"> & { readonly asksLife: boolean },
): Promise<Standing | undefined> {
  if (known !== undefined && !asksLife) return { status: "open", reservationId: known, isLive: false };
  const { idempotency_key: idempotencyKey } = parseJson(reserveBody) as unknown as {
    readonly idempotency_key: string;
  };
  try {
    const { id, lease } = await reserveThrough(authority, reserveBody, { signal, idempotencyKey });
    // A port that does not say how long a lease runs shows no life.
    const isLive = (lease?.remainingMs ?? 0) > 0;
    if (known === undefined || known === id) return { status: "open", reservationId: id, isLive };
    // The authority has forgotten the key, and made a reservation that nobody asked for.
    return undefined;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (!AP2GuardDenied.isInstance(error)) return undefined;
    return known === undefined
      ? { status: "gone", reservationId: "none" }
      : { status: "open", reservationId: known, isLive: false };
  }
}
