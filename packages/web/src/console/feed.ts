/** What the store needs of an `EventSource`. */
export interface EventFeed {
  /** 2: given up; the browser does not try again. */
  readonly readyState: number;
  addEventListener(name: string, listener: (event: Event) => void): void;
  close(): void;
}

/** What the page stands on, so that the store runs without one. */
export interface Surroundings {
  readonly fetch: (path: string, signal: AbortSignal) => Promise<Response>;
  readonly openFeed: (path: string) => EventFeed;
  /** Calls back before a frame is drawn, and at the latest after a second: a page in the background draws none. */
  readonly onFrame: (callback: () => void) => void;
  /** Calls back after a while. @returns what cancels it. */
  readonly after: (ms: number, callback: () => void) => () => void;
  readonly nowMs: () => number;
}

/** The ones of a page. */
export function browserSurroundings(): Surroundings {
  return {
    fetch: (path, signal) => fetch(path, { signal, headers: { Accept: "application/json" } }),
    openFeed: (path) => new EventSource(path),
    onFrame(callback) {
      let isDone = false;
      const once = (): void => {
        if (isDone) return;
        isDone = true;
        clearTimeout(latest);
        callback();
      };
      const latest = setTimeout(once, 1_000);
      requestAnimationFrame(once);
    },
    after(ms, callback) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    nowMs: () => Date.now(),
  };
}

/** An answer that is no JSON of ours. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
  /** 0 where there was no answer at all. */
  readonly status: number;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
