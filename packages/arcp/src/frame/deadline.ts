import { type CallOptions, type Clock, type Timer, TimeoutError } from "@imprest/core";
import { abortedError, onAbort } from "@imprest/core/internal";

/**
 * Waits for `promise`, but not longer than `options` allow. The promise's own later rejection is swallowed.
 * @throws AbortedError, TimeoutError.
 */
export function settleWithin<Value>(
  promise: Promise<Value>,
  options: CallOptions | undefined,
  clock: Clock,
  what: string,
): Promise<Value> {
  const { signal, timeoutMs } = options ?? {};
  if (signal === undefined && timeoutMs === undefined) return promise;
  return new Promise<Value>((resolve, reject) => {
    let timer: Timer | undefined;
    let stopListening = (): void => {};
    const stop = (): void => {
      timer?.clear();
      stopListening();
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error);
    };
    promise.then((value) => {
      stop();
      resolve(value);
    }, fail);
    if (timeoutMs !== undefined) {
      const late = (): void => fail(new TimeoutError(`${what} took longer than ${timeoutMs} ms.`, timeoutMs));
      timer = clock.setTimer(late, timeoutMs, true);
    }
    stopListening = onAbort(signal, () => fail(abortedError(signal, what)));
  });
}
