import { joined, parsed } from "./read-bounded.ts";

const lineFeed = 10;
const carriageReturn = 13;

/**
 * Splits a stream of server-sent events at its empty lines, byte for byte: what comes out is what went in. An event longer
 * than `limit` bytes is given up: `overflow` is true from then on, and bytes come out as they went in.
 */
export class EventSplitter {
  overflow = false;
  readonly #limit: number;
  #parts: Uint8Array[] = [];
  #length = 0;
  /** Bytes since the last line end, `\r\n` counted as one end. */
  #isLineEmpty = true;
  /** A carriage return that may have a line feed behind it. */
  #afterReturn: "none" | "line" | "event" = "none";

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The events that end within `bytes`, each with the empty line behind it. */
  push(bytes: Uint8Array): Uint8Array[] {
    if (this.overflow) return [bytes];
    const events: Uint8Array[] = [];
    let start = 0;
    const cut = (end: number): void => {
      events.push(this.#take(bytes.subarray(start, end)));
      start = end;
    };
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      const before = this.#afterReturn;
      this.#afterReturn = "none";
      if (byte === lineFeed && before !== "none") {
        if (before === "event") cut(at + 1);
        continue;
      }
      if (before === "event") cut(at);
      if (byte !== lineFeed && byte !== carriageReturn) {
        this.#isLineEmpty = false;
        continue;
      }
      const isEnd = this.#isLineEmpty;
      this.#isLineEmpty = true;
      if (byte === carriageReturn) this.#afterReturn = isEnd ? "event" : "line";
      else if (isEnd) cut(at + 1);
    }
    this.#parts.push(bytes.subarray(start));
    this.#length += bytes.length - start;
    if (this.#length > this.#limit) {
      this.overflow = true;
      events.push(this.#take(new Uint8Array()));
    }
    return events;
  }

  /** What is left when the stream ends. */
  end(): Uint8Array {
    return this.#take(new Uint8Array());
  }

  #take(last: Uint8Array): Uint8Array {
    const taken = this.#length === 0 ? last : joined([...this.#parts, last], this.#length + last.length);
    this.#parts = [];
    this.#length = 0;
    return taken;
  }
}

/** The JSON that an event carries in its `data` lines: `"end"` for `[DONE]`, `null` for none, `undefined` for what is no JSON. */
export function dataOf(event: Uint8Array, decoder: TextDecoder): unknown {
  const lines = decoder.decode(event).split(/\r\n|\r|\n/);
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
  const text = data.join("\n").trim();
  if (text === "[DONE]") return "end";
  return text === "" ? null : parsed(text);
}
