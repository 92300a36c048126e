import { ValidationError } from "@imprest/core/internal/verify";
import type { PromisedEvent } from "../promised-event.ts";

const verbs: readonly PromisedEvent["verb"][] = ["reserve", "commit", "release", "refund"];

/**
 * Reads what was kept of `onPromisedEvent`, such as a line of a file. A member that is `null` is absent; a key may be
 * absent, because a reservation settles once. Without its reservation a settlement could be anyone's.
 * @throws ValidationError naming the member that cannot be used.
 */
export function readPromisedEvent(value: unknown): PromisedEvent {
  if (typeof value !== "object" || value === null) throw unfit("", "must be an object");
  const {
    verb: word,
    signature,
    idempotencyKey,
    reservationId,
    amountAtomic,
    ttlExpiresAt,
  } = value as Record<string, unknown>;
  const verb = verbs.find((known) => known === word);
  if (verb === undefined) throw unfit("/verb", `must be one of ${verbs.join(", ")}`);
  if (typeof signature !== "string" || signature === "") throw unfit("/signature", "must be text");
  const reservation = readText(reservationId, "/reservationId");
  if (reservation === undefined && verb !== "reserve") {
    throw unfit("/reservationId", `must be there for a ${verb}; keep all that onPromisedEvent gives`);
  }
  const key = readText(idempotencyKey, "/idempotencyKey") ?? "";
  const amount = readText(amountAtomic, "/amountAtomic");
  if (amount !== undefined && !/^\d{1,78}$/.test(amount)) throw unfit("/amountAtomic", "must be a decimal");
  const ttl = readText(ttlExpiresAt, "/ttlExpiresAt");
  return {
    verb,
    idempotencyKey: key,
    signature,
    ...(reservation !== undefined && { reservationId: reservation }),
    ...(amount !== undefined && { amountAtomic: amount }),
    ...(ttl !== undefined && { ttlExpiresAt: ttl }),
  };
}

function readText(value: unknown, pointer: string): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw unfit(pointer, "must be text");
}

function unfit(pointer: string, message: string): ValidationError {
  return new ValidationError("promised event", [{ pointer, message }]);
}
