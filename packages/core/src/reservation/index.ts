export { type AdoptOptions, adopt } from "./adopt.ts";
export { capped } from "./caps.ts";
export { type OptionsOf, type RequestOf, type StreamOptionsOf, guard, guardStream } from "./guard.ts";
export { openReservation } from "./open-reservation.ts";
export type { BodyOptions, ReservationOptions, SpendOf, StreamOptions } from "./options.ts";
export { withReservation } from "./with-reservation.ts";
export { type ReservationStream, type StreamSource, withReservationStream } from "./with-reservation-stream.ts";
export { exportReservation } from "./exported-reservation.ts";
export { Patience } from "./patience.ts";
