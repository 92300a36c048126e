import { type AuthoritySource, type RecordStore, type SpendAuthority, adopt, settlementQueue } from "@imprest/core";
import { authorityOf, exportReservation } from "@imprest/core/internal";

/**
 * An authority whose open reservations stand in `records`, so that a gateway which was killed leaves none without an owner.
 * A call whose end nobody saw may have been charged.
 */
export function rememberingOpenCalls(source: AuthoritySource, records: RecordStore): SpendAuthority {
  const authority = authorityOf(source);
  const { observer } = settlementQueue(authority);
  observer.on("settlement", ({ settlement: { reservationId, status } }) =>
    status === "pending" || reservationId === undefined ? undefined : records.delete(reservationId),
  );
  const reserve: SpendAuthority["reserve"] = async (request, options) => {
    const grant = await authority.reserve(request, options);
    const exported = exportReservation(authority, grant, options.idempotencyKey, undefined);
    await records.create(grant.id, { exported });
    return grant;
  };
  return new Proxy(authority, {
    get(target, name) {
      if (name === "reserve") return reserve;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

/** What became of the calls that a killed run had left open. */
export interface RecoveredCalls {
  /** Committed as estimates. */
  readonly booked: number;
  /** Nothing was booked: the books have their end already, or do not know them. */
  readonly refused: number;
}

/** Commits what a killed run had reserved, as estimates. @throws what the store or the ledger throws. */
export async function settleOpenCalls(authority: SpendAuthority, records: RecordStore): Promise<RecoveredCalls> {
  let [booked, refused] = [0, 0];
  for await (const { key, value } of records.scan("")) {
    const exported = (value as { readonly exported?: unknown }).exported;
    if (typeof exported === "string") {
      const reservation = await adopt(authority, exported);
      const { status } = await reservation.commit(reservation.reserved, { basis: "estimate" });
      // Its outcome is unknown: the next run asks again.
      if (status === "pending") continue;
      if (status === "rejected") refused += 1;
      else booked += 1;
    }
    await records.delete(key);
  }
  return { booked, refused };
}
