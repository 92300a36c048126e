const inspect = Symbol.for("nodejs.util.inspect.custom");
const redacted = "[redacted]";

/** Holds a credential so that printing, logging or serialising its owner shows `[redacted]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The credential itself; call it only where the credential is sent. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  static {
    Object.defineProperty(this.prototype, inspect, { value: () => redacted });
  }
}
