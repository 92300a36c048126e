import { AsyncLocalStorage } from "node:async_hooks";
import type { Reservation, ReservationContext } from "../authority/index.ts";

/**
 * Nests reservations by themselves on Node: put it into `environment.context` of the authority.
 * @example
 * const client = new CyclesClient({ baseUrl, apiKey });
 * const authority = new CyclesAuthority(client, { context: asyncReservationContext() });
 */
export function asyncReservationContext(): ReservationContext {
  const storage = new AsyncLocalStorage<Reservation>();
  return { current: () => storage.getStore(), run: (reservation, body) => storage.run(reservation, body) };
}
