import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AbortedError, ConfigurationError } from "../../src/index.ts";
import type { VerificationReport } from "../../src/audit/index.ts";
import { verifyLines } from "../../src/audit/verify-lines.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? utf8(part) : part;
}

interface EchoReport extends VerificationReport {
  readonly line: string;
}

const echo = async (line: Uint8Array): Promise<EchoReport> => ({
  disposition: "binding_only",
  findings: [],
  line: new TextDecoder().decode(line),
});

async function linesOf(source: AsyncIterable<Uint8Array>, options = {}): Promise<[number, string][]> {
  const lines: [number, string][] = [];
  for await (const { lineNumber, report } of verifyLines(source, echo, options)) {
    lines.push([lineNumber, "line" in report ? report.line : (report.findings[0]?.code ?? "")]);
  }
  return lines;
}

describe("verifyLines", () => {
  it("gives the same lines however the bytes are cut", async () => {
    const text = "one\ntwo \u{1F600}\r\n\n\nfive\n\r\nlast";
    const expected = [
      [1, "one"],
      [2, "two \u{1F600}"],
      [5, "five"],
      [7, "last"],
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(utf8(text).length), { maxLength: 8 }), async (cuts) => {
        const bounds = [0, ...cuts.toSorted((left, right) => left - right), utf8(text).length];
        const parts = bounds.slice(1).map((end, at) => utf8(text).subarray(bounds[at], end));
        expect(await linesOf(chunks(...parts))).toEqual(expected);
      }),
    );
    expect(await linesOf(chunks())).toEqual([]);
    expect(await linesOf(chunks("\n\n"))).toEqual([]);
  });

  it("reports a line that is too long without keeping it, and goes on", async () => {
    const long = Array.from({ length: 100 }, () => "x".repeat(100));
    expect(await linesOf(chunks("a\n", ...long, "\nb\n12345\n123456"), { maxLineBytes: 5 })).toEqual([
      [1, "a"],
      [2, "too_large"],
      [3, "b"],
      [4, "12345"],
      [5, "too_large"],
    ]);
  });

  it("keeps the order and never has more lines in flight than allowed", async () => {
    let running = 0;
    let most = 0;
    const verify = async (line: Uint8Array): Promise<EchoReport> => {
      most = Math.max(most, (running += 1));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
      running -= 1;
      return echo(line);
    };
    const numbers = Array.from({ length: 200 }, (_, at) => at + 1);
    const seen: number[] = [];
    for await (const { lineNumber } of verifyLines(chunks(numbers.join("\n")), verify, { inFlight: 8 }))
      seen.push(lineNumber);
    expect(seen).toEqual(numbers);
    expect(most).toBe(8);
  });

  it("reads no further than its reader, and closes the source when the reader leaves", async () => {
    let read = 0;
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          read += 1;
          yield utf8("x\n");
        }
      } finally {
        closed = true;
      }
    }
    for await (const { lineNumber } of verifyLines(endless(), echo, { inFlight: 4 })) if (lineNumber === 10) break;
    expect(read).toBeLessThan(16);
    expect(closed).toBe(true);
  });

  it("settles when aborted, even while the source is silent", async () => {
    const controller = new AbortController();
    const silent: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
    const running = linesOf(silent, { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toThrow(AbortedError);
  });

  it("passes on what the source and the verifier throw", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield utf8("a\nb\n");
      throw new Error("disk gone");
    }
    await expect(linesOf(broken())).rejects.toThrow("disk gone");
    const failing = verifyLines(chunks("a\nb\nc"), () => Promise.reject(new Error("no key")));
    await expect(failing.next()).rejects.toThrow("no key");
  });

  it("refuses limits that let nothing through", async () => {
    await expect(linesOf(chunks("a"), { inFlight: 0 })).rejects.toThrow(ConfigurationError);
    await expect(linesOf(chunks("a"), { maxLineBytes: Number.NaN })).rejects.toThrow(ConfigurationError);
  });
});
