import type { Logger } from "@imprest/core";

/** Typed listeners by name. One that throws breaks neither the session nor another listener. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => unknown>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @returns the function that takes the listener away. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => unknown): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  hears(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        Promise.resolve((listener as (event: Events[Name]) => unknown)(event)).catch((error: unknown) =>
          this.#report(name, error),
        );
      } catch (error) {
        this.#report(name, error);
      }
    }
  }

  #report(name: keyof Events, error: unknown): void {
    const message = error instanceof Error ? error.message : "unknown";
    this.#logger.error("a session listener failed", { event: String(name), error: message });
  }
}
