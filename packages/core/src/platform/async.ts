import { AbortedError } from "../errors/transport-errors.ts";
import type { Clock } from "./clock.ts";

/** A promise with its handles outside. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  /** Fulfils the promise; only the first call counts. */
  readonly resolve: (value: Value) => void;
  /** Rejects the promise; only the first call counts. */
  readonly reject: (reason: unknown) => void;
}

/** A promise, and what settles it. */
export function createDeferred<Value>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Calls `listener` when `signal` aborts, at once if it already has; returns the removal. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    listener();
    return () => {};
  }
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** An `AbortedError` whose cause is the signal's reason. */
export function abortedError(signal: AbortSignal | undefined, what: string): AbortedError {
  return new AbortedError(`${what} was aborted by the caller's signal.`, { cause: signal?.reason });
}

/** Waits `delayMs` milliseconds. @throws AbortedError when `signal` aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortedError(signal, "A wait"));
    const wake = (): void => {
      stopListening();
      resolve();
    };
    const timer = clock.setTimer(wake, delayMs, true);
    const stopListening = onAbort(signal, () => {
      timer.clear();
      reject(abortedError(signal, "A wait"));
    });
  });
}

/**
 * Waits for `promise`, but no longer than `signal` allows. The promise's own later rejection is swallowed:
 * whoever started the work owns it.
 * @throws AbortedError when `signal` aborts first.
 */
export function raceAbort<Value>(
  promise: Promise<Value>,
  signal: AbortSignal | undefined,
  what: string,
): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(abortedError(signal, what)));
    promise.then(resolve, reject).finally(stopListening);
  });
}
