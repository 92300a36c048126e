import type { ServerResponse } from "node:http";
import { AbortedError } from "../errors/transport-errors.ts";

/**
 * Aborts when the client goes away before `response` is finished: give it as `options.signal` of a guarded call, so that
 * an answer nobody reads any more is settled by what it has cost. It listens to the response, because a request's own
 * `close` comes as soon as its body has been read.
 */
export function disconnectSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const closed = (): void => {
    if (response.writableFinished) return;
    controller.abort(new AbortedError("The HTTP client disconnected before its answer was finished."));
  };
  if (response.closed || response.destroyed) closed();
  else response.once("close", closed);
  return controller.signal;
}
