import type { AspSettlement } from "./reservation.ts";

/** Who settled what another wire did: no request of ASP's, so none is a replay of it, whatever key it carries. */
export const otherWire: Pick<AspSettlement, "idempotencyKey" | "digest"> = { idempotencyKey: "", digest: "" };

/** How the feed says so. */
export const otherWireReason = "other_wire";
