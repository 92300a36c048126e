import { type CallOptions, type Clock, TimeoutError, ValidationError } from "@imprest/core";
import { abortedError, onAbort } from "@imprest/core/internal";

/**
 * Checks what bounds a call before anything is done.
 * @throws AbortedError when the caller has aborted, ValidationError for a deadline that is none.
 */
export function assertCallable({ signal, timeoutMs }: CallOptions, what: string): void {
  if (signal?.aborted) throw abortedError(signal, what);
  if (timeoutMs === undefined || timeoutMs > 0) return;
  throw new ValidationError("call options", [{ pointer: "/timeoutMs", message: "must be above 0" }]);
}

/**
 * Waits until what was done can be acknowledged, but no longer than the caller allows. It stays done all the same: the
 * same idempotency key finds it again.
 * @throws AbortedError, TimeoutError.
 */
export function acknowledged<Value>(
  pending: Promise<Value>,
  { signal, timeoutMs }: CallOptions,
  clock: Clock,
  what: string,
): Promise<Value> {
  if (signal === undefined && timeoutMs === undefined) return pending;
  return new Promise((resolve, reject) => {
    const timeOut = (afterMs: number): void => {
      stop();
      reject(new TimeoutError(`${what} was not acknowledged within ${afterMs} ms.`, afterMs));
    };
    const timer = timeoutMs === undefined ? undefined : clock.setTimer(() => timeOut(timeoutMs), timeoutMs);
    const stopListening = onAbort(signal, () => {
      timer?.clear();
      reject(abortedError(signal, what));
    });
    const stop = (): void => {
      timer?.clear();
      stopListening();
    };
    pending.then(resolve, reject).finally(stop);
  });
}
