import { ConfigurationError } from "../errors/local-errors.ts";
import { utf8 } from "../platform/encoding.ts";
import { parseNumber } from "./strict-json-number.ts";
import { StrictJsonError, type StrictJsonCode, positionAt } from "./strict-json-error.ts";

/** A parsed JSON value, as RFC 8785 takes it. Objects are plain, with every key an own property. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** A parsed JSON object. */
export interface JsonObject {
  [key: string]: JsonValue;
}

/** Bounds on what is parsed. */
export interface StrictJsonOptions {
  /**
   * `"exact"` (the default) refuses a number whose value a double would silently change: an integer it cannot hold,
   * minus zero, a value too small to be told from zero. `"double"` reads every finite number as the nearest double,
   * which is what JCS hashes.
   */
  readonly numbers?: "exact" | "double" | undefined;
  /** The deepest nesting of arrays and objects; 64 by default, 1000 at most. */
  readonly maxDepth?: number | undefined;
  /** The longest text, in UTF-8 bytes; 1 MiB by default. */
  readonly maxBytes?: number | undefined;
}

const defaultMaxDepth = 64;
const defaultMaxBytes = 1024 * 1024;

/**
 * Parses I-JSON (RFC 7493) and nothing else, for text that was signed. `JSON.parse` is not enough: of two members with
 * one name it keeps the last, it rounds integers, and it lets lone surrogates through, so that two readers of the same
 * bytes see different values. `__proto__` is a key like any other.
 * @param input a text, or its UTF-8 bytes.
 * @throws StrictJsonError with a code, a line and a column; the received text is not repeated in the message.
 * ConfigurationError for a `maxDepth` that recursion could not keep.
 */
export function parseStrictJson(input: string | Uint8Array, options?: StrictJsonOptions): JsonValue {
  const text = typeof input === "string" ? checkText(input, options) : decode(input, options);
  const maxDepth = options?.maxDepth ?? defaultMaxDepth;
  if (!(maxDepth <= 1000)) throw new ConfigurationError("maxDepth is at most 1000.");
  return new Parser(text, options?.numbers !== "double", maxDepth).parse();
}

const start = { line: 1, column: 1 };
// Without `ignoreBOM` the decoder would take a byte order mark away, and the bytes would no longer be what was signed.
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenientDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

function decode(bytes: Uint8Array, options: StrictJsonOptions | undefined): string {
  checkSize(bytes.byteLength, options);
  try {
    return strictDecoder.decode(bytes);
  } catch {
    const text = lenientDecoder.decode(bytes);
    throw new StrictJsonError("invalid_utf8", "The bytes are not UTF-8", positionAt(text, firstReplaced(text, bytes)));
  }
}

/** The offset of the first replacement character that is not one in the bytes. */
function firstReplaced(text: string, bytes: Uint8Array): number {
  let at = text.indexOf("\u{FFFD}");
  while (utf8(text.slice(0, at + 1)).every((byte, index) => bytes[index] === byte))
    at = text.indexOf("\u{FFFD}", at + 1);
  return at;
}

function checkText(text: string, options: StrictJsonOptions | undefined): string {
  // A UTF-16 code unit takes one to three bytes, so the bytes need counting only in between.
  const most = options?.maxBytes ?? defaultMaxBytes;
  if (text.length * 3 > most) checkSize(text.length > most ? text.length : utf8(text).byteLength, options);
  return text;
}

function checkSize(size: number, options: StrictJsonOptions | undefined): void {
  const most = options?.maxBytes ?? defaultMaxBytes;
  if (size > most) throw new StrictJsonError("too_large", `The text has more than ${most} bytes`, start);
}

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const literals = [
  ["true", true],
  ["false", false],
  ["null", null],
] as const;

/** One pass over one text, by recursive descent; `maxDepth` bounds the recursion. */
class Parser {
  readonly #text: string;
  readonly #exact: boolean;
  readonly #maxDepth: number;
  #at = 0;
  #depth = 0;

  constructor(text: string, exact: boolean, maxDepth: number) {
    this.#text = text;
    this.#exact = exact;
    this.#maxDepth = maxDepth;
  }

  parse(): JsonValue {
    if (this.#text.charCodeAt(0) === 0xfeff) throw this.#error("byte_order_mark", "The text begins with a BOM", 0);
    const value = this.#value(this.#next());
    this.#next();
    if (this.#at < this.#text.length) throw this.#error("trailing_data", "Something follows the JSON value");
    return value;
  }

  /** Skips white space; the code of the character that follows, NaN at the end. */
  #next(): number {
    let code = this.#text.charCodeAt(this.#at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      this.#at += 1;
      code = this.#text.charCodeAt(this.#at);
    }
    return code;
  }

  #value(code: number): JsonValue {
    if (code === quote) return this.#string();
    if (code === openBrace) return this.#nested(() => this.#object());
    if (code === openBracket) return this.#nested(() => this.#array());
    if (code === minus || (code >= zero && code <= nine)) return this.#number();
    for (const [text, value] of literals) {
      if (!this.#text.startsWith(text, this.#at)) continue;
      this.#at += text.length;
      return value;
    }
    throw this.#unexpected("a JSON value");
  }

  #nested(read: () => JsonValue): JsonValue {
    this.#depth += 1;
    if (this.#depth > this.#maxDepth) {
      throw this.#error("too_deep", `The value nests deeper than ${this.#maxDepth} levels`);
    }
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #object(): JsonObject {
    const object: JsonObject = {};
    this.#at += 1;
    let code = this.#next();
    if (code === closeBrace) {
      this.#at += 1;
      return object;
    }
    for (;;) {
      if (code !== quote) throw this.#unexpected("a member name");
      const keyAt = this.#at;
      const key = this.#string();
      if (Object.hasOwn(object, key)) throw this.#error("duplicate_key", "Two members have one name", keyAt);
      if (this.#next() !== colon) throw this.#unexpected("a colon");
      this.#at += 1;
      const value = this.#value(this.#next());
      // An assignment would set the prototype instead.
      if (key === "__proto__") Object.defineProperty(object, key, { value, ...ownMember });
      else object[key] = value;
      code = this.#next();
      this.#at += 1;
      if (code === closeBrace) return object;
      if (code !== comma) throw this.#unexpected("a comma or a closing brace", this.#at - 1);
      code = this.#next();
    }
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = [];
    this.#at += 1;
    let code = this.#next();
    if (code === closeBracket) {
      this.#at += 1;
      return array;
    }
    for (;;) {
      array.push(this.#value(code));
      code = this.#next();
      this.#at += 1;
      if (code === closeBracket) return array;
      if (code !== comma) throw this.#unexpected("a comma or a closing bracket", this.#at - 1);
      code = this.#next();
    }
  }

  #string(): string {
    const text = this.#text;
    const opened = this.#at;
    let at = opened + 1;
    let escaped = false;
    let surrogate = false;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === quote) break;
      if (code === backslash) {
        escaped = true;
        at += 1;
      } else if (code < 0x20) {
        throw this.#error("syntax", "A control character is not escaped", at);
      } else if (code >= 0xd800 && code <= 0xdfff) {
        surrogate = true;
      } else if (Number.isNaN(code)) {
        throw this.#error("syntax", "The text ends in a string", text.length);
      }
      at += 1;
    }
    this.#at = at + 1;
    const value = escaped ? this.#unescape(opened) : text.slice(opened + 1, at);
    if ((surrogate || escaped) && !value.isWellFormed()) {
      throw this.#error("lone_surrogate", "A string holds half of a surrogate pair", opened);
    }
    return value;
  }

  /** The engine's own reading of the string literal that has just been scanned: its escapes are JSON's. */
  #unescape(opened: number): string {
    const literal = this.#text.slice(opened, this.#at);
    try {
      return JSON.parse(literal) as string;
    } catch {
      throw this.#error("syntax", "JSON has no such escape", opened);
    }
  }

  #number(): number {
    const { value, end, problem } = parseNumber(this.#text, this.#at, this.#exact);
    if (problem !== undefined) throw this.#error(problem.code, problem.message);
    this.#at = end;
    return value;
  }

  #unexpected(wanted: string, at: number = this.#at): StrictJsonError {
    const found = at >= this.#text.length ? "the text ends" : "something else stands there";
    return this.#error("syntax", `Expected ${wanted}, but ${found}`, at);
  }

  #error(code: StrictJsonCode, what: string, at: number = this.#at): StrictJsonError {
    return new StrictJsonError(code, what, positionAt(this.#text, at));
  }
}

const ownMember = { enumerable: true, configurable: true, writable: true };
