import { base64url, utf8 } from "./encoding.ts";

const inspect = Symbol.for("nodejs.util.inspect.custom");
const redacted = "[redacted]";

/** Whether any text in `value`, to any depth, holds one of the writings. */
function holds(value: unknown, writings: readonly string[]): boolean {
  if (typeof value === "string") return writings.some((writing) => value.includes(writing));
  if (typeof value !== "object" || value === null) return false;
  for (const name in value) {
    if (holds(name, writings) || holds((value as Readonly<Record<string, unknown>>)[name], writings)) return true;
  }
  return false;
}

function cut(value: unknown, writings: readonly string[]): unknown {
  if (typeof value === "string") return writings.reduce((text, writing) => text.replaceAll(writing, redacted), value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => cut(item, writings));
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
   * What someone else wrote, without the credential: the very value where no text in it, to any depth, holds it; else a
   * copy with it cut out, be it written as it is, percent-encoded or in base64. JSON's escapes are to be decoded before.
   */
  redact<Value>(value: Value): Value {
    // Looking is far cheaper than copying, and there is almost never anything to cut. Arrays and objects keep their shape.
    const writings = this.#writings();
    return holds(value, writings) ? (cut(value, writings) as Value) : value;
  }

  /** False when a JSON text certainly does not hold the credential: then there is nothing to redact in it. */
  mayStandIn(json: string): boolean {
    return json.includes("\\") || holds(json, this.#writings());
  }

  /** Every way in which it may be written; found once, because every answer is looked through. */
  #writings(): readonly string[] {
    return (this.#written ??= writingsOf(this.#value));
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
