import { base64url, utf8 } from "./encoding.ts";

const inspect = Symbol.for("nodejs.util.inspect.custom");
const redacted = "[redacted]";

function cut(value: unknown, writings: readonly string[]): unknown {
  if (typeof value === "string") {
    // Looking is far cheaper than replacing, and there is almost never anything to replace.
    const cutOut = (text: string, writing: string): string =>
      text.includes(writing) ? text.replaceAll(writing, redacted) : text;
    return writings.reduce(cutOut, value);
  }
  if (Array.isArray(value)) return value.map((item) => cut(item, writings));
  if (typeof value !== "object" || value === null) return value;
  // Entries are arrays of a text and a value, and come back as such.
  return Object.fromEntries(cut(Object.entries(value), writings) as [string, unknown][]);
}

function writingsOf(value: string): readonly string[] {
  const bytes = utf8(value);
  const url = base64url(bytes);
  const base64 = url.replaceAll("-", "+").replaceAll("_", "/");
  return [...new Set([value, encodeURIComponent(value), base64, url])];
}

/** Holds a credential so that printing, logging or serialising its owner shows `[redacted]`. */
export class Secret {
  readonly #value: string;
  #written: readonly string[] | undefined;

  constructor(value: string) {
    this.#value = value;
  }

  /** The credential itself; call it only where the credential is sent. */
  reveal(): string {
    return this.#value;
  }

  /**
   * A copy of what someone else wrote, without the credential: every text in it, to any depth, has it cut out, be it
   * written as it is, percent-encoded or in base64. JSON's escapes are to be decoded before.
   */
  redact<Value>(value: Value): Value {
    // Texts stay texts, and arrays and objects keep their shape.
    return cut(value, this.#writings()) as Value;
  }

  /** False when a JSON text certainly does not hold the credential: then there is nothing to redact in it. */
  mayStandIn(json: string): boolean {
    return json.includes("\\") || this.#writings().some((writing) => json.includes(writing));
  }

  /** Every way in which it may be written; found once, because every answer is looked through. */
  #writings(): readonly string[] {
    this.#written ??= writingsOf(this.#value);
    return this.#written;
  }

  /** `[redacted]`. */
  toString(): string {
    return redacted;
  }

  /** `[redacted]`. */
  toJSON(): string {
    return redacted;
  }

  static {
    Object.defineProperty(this.prototype, inspect, { value: () => redacted });
  }
}
