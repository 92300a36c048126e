import { EventEmitter } from "eventemitter3";
import type { Logger } from "./logger.ts";
import { quietLogger } from "./quiet-logger.ts";

/** Typed listeners by event name. One that throws or rejects breaks neither whoever emits nor another listener. */
export class Emitter<Events extends object> {
  readonly #emitter = new EventEmitter();
  readonly #logger: Logger | undefined;

  constructor(logger?: Logger) {
    this.#logger = logger && quietLogger(logger);
  }

  /** @returns the function that unsubscribes. */
  on<Name extends keyof Events & string>(name: Name, listener: (event: Events[Name]) => unknown): () => void {
    const guarded = (event: Events[Name]): void => {
      try {
        Promise.resolve(listener(event)).catch((error: unknown) => this.#report(name, error));
      } catch (error) {
        this.#report(name, error);
      }
    };
    this.#emitter.on(name, guarded);
    return () => this.#emitter.off(name, guarded);
  }

  /** Whether anybody listens to an event of that name. */
  hears(name: keyof Events & string): boolean {
    return this.#emitter.listenerCount(name) > 0;
  }

  /** Calls every listener of that event; what one throws is logged and goes no further. */
  emit<Name extends keyof Events & string>(name: Name, event: Events[Name]): void {
    this.#emitter.emit(name, event);
  }

  #report(event: string, error: unknown): void {
    this.#logger?.error("a listener failed", { event, error: error instanceof Error ? error.message : "unknown" });
  }
}
