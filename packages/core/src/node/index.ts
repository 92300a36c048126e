export { asyncReservationContext } from "./async-reservation-context.ts";
