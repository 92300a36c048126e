/** A signal that counts who listens on it. */
export function countingSignal(): {
  readonly signal: AbortSignal;
  readonly count: () => number;
  readonly abort: () => void;
} {
  const controller = new AbortController();
  const { signal } = controller;
  const listening = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...parts: Parameters<AbortSignal["addEventListener"]>) => {
    listening.add(parts[1]);
    add(...parts);
  };
  signal.removeEventListener = (...parts: Parameters<AbortSignal["removeEventListener"]>) => {
    listening.delete(parts[1]);
    remove(...parts);
  };
  add("abort", () => listening.clear());
  return { signal, count: () => listening.size, abort: () => controller.abort() };
}
