import { ConfigurationError } from "../errors/local-errors.ts";
import { raceAbort } from "../platform/async.ts";
import { StrictJsonError } from "./strict-json-error.ts";
import { type VerificationReport, syntaxFinding } from "./report.ts";

export interface VerifyLinesOptions {
  /** How many lines are verified at once; 64 unless told. */
  readonly inFlight?: number | undefined;
  /** A longer line is not read into memory but reported as `too_large`; 1 MiB unless told. */
  readonly maxLineBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const what = "Verifying lines";

/** The report on one line of a file. */
export interface LineReport<Report extends VerificationReport> {
  /** Counted from 1, empty lines included. */
  readonly lineNumber: number;
  readonly report: Report | VerificationReport;
}

/**
 * Verifies newline-delimited JSON as it comes, in bounded memory: `inFlight` lines at once, reports in the order of the
 * lines. Empty lines are skipped.
 * @param source bytes in chunks of any size (a file, a response body).
 * @param verify one line without its line end; its rejection ends the iteration.
 * @throws AbortedError when `options.signal` aborts; whatever `source` and `verify` throw.
 */
export async function* verifyLines<Report extends VerificationReport>(
  source: AsyncIterable<Uint8Array>,
  verify: (line: Uint8Array) => Promise<Report>,
  options: VerifyLinesOptions = {},
): AsyncGenerator<LineReport<Report>, void, undefined> {
  const { inFlight = 64, maxLineBytes = 1024 * 1024, signal } = options;
  if (!(inFlight >= 1) || !(maxLineBytes >= 1)) throw new ConfigurationError("inFlight and maxLineBytes start at 1.");
  const waiting: Promise<LineReport<Report>>[] = [];
  for await (const { lineNumber, line } of readLines(untilAborted(source, signal), maxLineBytes)) {
    const report = line === undefined ? Promise.resolve(oversized(maxLineBytes)) : verify(line);
    const next = report.then((value) => ({ lineNumber, report: value }));
    // A later line may fail while an earlier one is awaited; its rejection is met when its turn comes.
    next.catch(() => {});
    waiting.push(next);
    const first = waiting.length >= inFlight ? waiting.shift() : undefined;
    if (first !== undefined) yield await raceAbort(first, signal, what);
  }
  for (const report of waiting) yield await raceAbort(report, signal, what);
}

/** The source, left at once when `signal` aborts, even while it is silent. */
async function* untilAborted(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const { done, value } = await raceAbort(chunks.next(), signal, what);
      finished = done === true;
      if (done) return;
      yield value;
    }
  } finally {
    const closing = finished ? undefined : chunks.return?.();
    // A source that is silent may never answer: after an abort its closing is not waited for.
    if (signal?.aborted) closing?.catch(() => {});
    else await closing;
  }
}

function oversized(maxLineBytes: number): VerificationReport {
  const message = `The line has more than ${maxLineBytes} bytes`;
  const error = new StrictJsonError("too_large", message, { line: 1, column: 1 });
  return { disposition: "signature_invalid", findings: [syntaxFinding(error)] };
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** `line` is `undefined` for one that is too long. */
interface Line {
  readonly lineNumber: number;
  readonly line: Uint8Array | undefined;
}

async function* readLines(source: AsyncIterable<Uint8Array>, maxLineBytes: number): AsyncGenerator<Line> {
  let lineNumber = 0;
  /** The line under way, as slices of the chunks it came in. */
  let parts: Uint8Array[] = [];
  let size = 0;
  const append = (part: Uint8Array): void => {
    size += part.length;
    if (size <= maxLineBytes) parts.push(part);
    else parts = [];
  };
  const take = (): Line | undefined => {
    lineNumber += 1;
    const line = size > maxLineBytes ? undefined : withoutCarriageReturn(join(parts, size));
    parts = [];
    size = 0;
    return line?.length === 0 ? undefined : { lineNumber, line };
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      append(chunk.subarray(start, end));
      start = end + 1;
      const line = take();
      if (line !== undefined) yield line;
    }
    if (start < chunk.length) append(chunk.subarray(start));
  }
  const last = take();
  if (last !== undefined) yield last;
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function withoutCarriageReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}
