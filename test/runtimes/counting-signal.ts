/** A signal that counts who listens on it. */
export interface CountingSignal {
  readonly signal: AbortSignal;
  readonly abort: () => void;
  /** Listeners left now. */
  readonly left: () => number;
  /** Listeners there ever were: without any, none left says nothing. */
  readonly everAdded: () => number;
}

export function countingSignal(): CountingSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const listening = new Map<unknown, { readonly endsWithAbort: boolean }>();
  let added = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...parts: Parameters<AbortSignal["addEventListener"]>) => {
    const [, listener, options] = parts;
    listening.set(listener, { endsWithAbort: typeof options === "object" && options.once === true });
    added += 1;
    add(...parts);
  };
  signal.removeEventListener = (...parts: Parameters<AbortSignal["removeEventListener"]>) => {
    listening.delete(parts[1]);
    remove(...parts);
  };
  add("abort", () => {
    for (const [listener, { endsWithAbort }] of listening) if (endsWithAbort) listening.delete(listener);
  });
  return { signal, abort: () => controller.abort(), left: () => listening.size, everAdded: () => added };
}
