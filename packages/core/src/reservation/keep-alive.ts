import type { SpendAuthority } from "../authority/authority.ts";
import type { Lease } from "../authority/grant.ts";
import { outboxOf } from "../settlement/outbox.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { ReservationHandle } from "./reservation-handle.ts";

/** Extends a handle's lease until it has settled, where the authority can. `rttMs`: how long the lease's answer took. */
export function keepAlive(authority: SpendAuthority, handle: ReservationHandle, lease: Lease, rttMs: number): void {
  const outbox = outboxOf(authority);
  // An authority that stands for one request of another leaves this to its owner.
  if (outbox.authority.extend === undefined) return;
  const onLost = (error: Error): void => handle.loseLease(error);
  handle.keepAlive(new Heartbeat(handle.grant, lease, rttMs, outbox, onLost));
}
