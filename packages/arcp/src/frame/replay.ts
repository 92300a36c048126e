import type { JobSubscribed } from "@imprest/core/models/arcp";
import type { Hole } from "./sequence.ts";

/** Events are missing, but nobody knows which. */
export const unknownHole: Hole = { from: 0, to: 0 };

/**
 * The number behind which a replay begins, by the runtime's own word in `subscribed_from` (ARCP §7.6): in the numbers of
 * the session that submitted the job, as `from_event_seq` is. `undefined` where it does not say: three reference runtimes
 * give the subscriber's own last number there.
 * @param asked the `from_event_seq` of the request.
 * @param own the last number of the subscribing session when the answer came.
 */
export function replayStart(
  { subscribed_from: start, replayed }: Partial<JobSubscribed>,
  asked: number,
  own: number,
): number | undefined {
  if (start === undefined) return undefined;
  if (start === asked) return start;
  if (start === own) return undefined;
  // Nothing was replayed, and nothing says that there was nothing.
  if (start < asked && replayed !== true && !(typeof replayed === "number" && replayed > 0)) return undefined;
  return start;
}

/** What is missing before a replay that begins behind `start`; `undefined` when it begins where it was asked to. */
export function holeBefore(start: number, asked: number): Hole | undefined {
  return start > asked ? { from: asked + 1, to: start } : undefined;
}
