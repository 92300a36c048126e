import { ConfigurationError } from "../errors/local-errors.ts";
import { TimeoutError } from "../errors/transport-errors.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { StreamOptions } from "./options.ts";

/** A reader that does not come back within five minutes has gone: no screen and no tool reads a chunk for so long. */
const defaultIdleMs = 300_000;
/** The longest that a model streams one answer, with room to spare. */
const defaultLongestMs = 3_600_000;

/**
 * How long a stream is kept open for a reader that has fallen silent, and at most. Budget that is held for nobody is
 * given up by what `partial` says, instead of being held for as long as its lease can be extended.
 */
export class Patience {
  /** Called once, when either limit is reached. */
  onExhausted: (error: TimeoutError) => void = () => {};
  /** Why the stream was given up. */
  exhausted: TimeoutError | undefined;
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #longestMs: number;
  #idle: Timer | undefined;
  #longest: Timer | undefined;

  constructor(
    clock: Clock,
    { idleMs = defaultIdleMs, longestMs = defaultLongestMs }: Pick<StreamOptions<never>, "idleMs" | "longestMs">,
  ) {
    for (const [name, value] of Object.entries({ idleMs, longestMs })) {
      if (value > 0) continue;
      throw new ConfigurationError(`${name} must be a number of milliseconds above 0, or Infinity.`);
    }
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#longestMs = longestMs;
  }

  /** The body is called. */
  begin(): void {
    this.#longest = this.#after(this.#longestMs, "The stream was open for too long");
  }

  /** A chunk was handed out; the idle time runs until the reader asks for the next one. */
  wait(): void {
    this.#idle = this.#after(this.#idleMs, "The reader asked for no further chunk");
  }

  /** The reader has asked for the next chunk. */
  goOn(): void {
    this.#idle?.clear();
    this.#idle = undefined;
  }

  /** Ends both waits: the stream is over. */
  end(): void {
    this.goOn();
    this.#longest?.clear();
    this.#longest = undefined;
  }

  #after(ms: number, what: string): Timer | undefined {
    if (ms === Infinity) return undefined;
    return this.#clock.setTimer(() => {
      this.end();
      const error = new TimeoutError(`${what} (${ms} ms), so it was given up and settled.`, ms);
      this.exhausted = error;
      this.onExhausted(error);
    }, ms);
  }
}
