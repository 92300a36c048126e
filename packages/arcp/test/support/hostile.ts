import fc from "fast-check";
import { createDeferred } from "@imprest/core/internal";
import type { ArcpTransport, TransportClosed } from "../../src/transport/transport.ts";

/** A transport whose frames a test delivers itself, so that what a reader throws comes back to the test. */
export class OpenTransport implements ArcpTransport {
  readonly confidential = true;
  readonly #closed = createDeferred<TransportClosed>();
  readonly closed: Promise<TransportClosed> = this.#closed.promise;
  readonly sent: string[] = [];
  deliver: (text: string) => void = () => {};

  send(text: string): void {
    this.sent.push(text);
  }

  onMessage(listener: (text: string) => void): void {
    this.deliver = listener;
  }

  close(code?: number): void {
    this.#closed.resolve({ code });
  }
}

/** JSON texts that a careless reader stumbles over. */
export const hostileJson: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "null",
    "true",
    '""',
    '"job_1"',
    '"x"',
    '"__proto__"',
    '"error"',
    '"success"',
    '"cost.tokens"',
    "0",
    "1",
    "-1",
    "1e-9",
    "1e308",
    "9007199254740993",
    "-9007199254740993",
    "[]",
    "[null]",
    "[[]]",
    "{}",
    // An object that cannot become a string.
    '{"toString":1,"valueOf":1}',
    '[{"toString":1,"valueOf":1}]',
    '{"__proto__":{"id":1},"constructor":1}',
    '{"toJSON":1}',
    '[{"id":"c","value":"v","endpoint":"::","scheme":7}]',
    '{"USD":{"toString":1},"EUR":"x:1e999","TOK":9007199254740993}',
  ),
  fc.json(),
);

/** An object of some of `names` with anything, and of some of `fixed` with what is said there. */
export function members(names: string, fixed: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> {
  const free = fc.uniqueArray(fc.tuple(fc.constantFrom(...names.split(" ")), hostileJson), {
    selector: ([name]) => name,
    maxLength: 8,
  });
  return fc.tuple(free, fc.record(fixed, { requiredKeys: [] })).map(([entries, known]) => {
    const all = { ...known, ...Object.fromEntries(entries) };
    return `{${Object.entries(all)
      .map(([name, text]) => `"${name}":${text}`)
      .join(",")}}`;
  });
}

/** One of these as a JSON string. */
export const oneOf = (texts: readonly string[]): fc.Arbitrary<string> =>
  fc.constantFrom(...texts.map((text) => `"${text}"`));
