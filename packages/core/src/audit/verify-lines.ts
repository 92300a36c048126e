import { ConfigurationError } from "../errors/local-errors.ts";
import { abortedError, raceAbort } from "../platform/async.ts";
import { StrictJsonError } from "./strict-json-error.ts";
import { type VerificationReport, syntaxFinding } from "./report.ts";

/** How `verifyLines` reads: bounds on what it holds at once. */
export interface VerifyLinesOptions {
  /** How many lines are verified at once; 64 by default. */
  readonly inFlight?: number | undefined;
  /** A longer line is not read into memory but reported as `too_large`; 1 MiB by default. */
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
  const waiting: Verification<Report>[] = [];
  const begin = ({ lineNumber, line }: Line): void => {
    const report = line === undefined ? Promise.resolve(oversized(maxLineBytes)) : verify(line);
    waiting.push(new Verification<Report>(lineNumber, report));
  };
  const splitter = new LineSplitter(maxLineBytes);
  for await (const chunk of untilAborted(source, signal)) {
    for (const line of splitter.add(chunk)) {
      begin(line);
      const first = waiting.length >= inFlight ? waiting.shift() : undefined;
      if (first !== undefined) yield first.settled ?? (await raceAbort(first.promise, signal, what));
      if (signal?.aborted) throw abortedError(signal, what);
    }
  }
  for (const line of splitter.end()) begin(line);
  for (const { promise } of waiting) yield await raceAbort(promise, signal, what);
}

/** A line under way, and its report once there is one: to wait for what is there already costs more than to look. */
class Verification<Report extends VerificationReport> {
  readonly promise: Promise<LineReport<Report>>;
  settled: LineReport<Report> | undefined;

  constructor(lineNumber: number, report: Promise<Report | VerificationReport>) {
    this.promise = report.then((value) => (this.settled = { lineNumber, report: value }));
    // A later line may fail while an earlier one is awaited; its rejection is met when its turn comes.
    this.promise.catch(() => {});
  }
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

/** Cuts chunks of any size into lines; memory for one line, and that no longer than `maxLineBytes`. */
class LineSplitter {
  readonly #maxLineBytes: number;
  #lineNumber = 0;
  /** The line under way, as slices of the chunks it came in. */
  #parts: Uint8Array[] = [];
  #size = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** The lines that `chunk` ends; empty ones are left out. */
  *add(chunk: Uint8Array): Generator<Line> {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      this.#append(chunk.subarray(start, end));
      start = end + 1;
      yield* this.end();
    }
    if (start < chunk.length) this.#append(chunk.subarray(start));
  }

  /** The line under way, as it stands. */
  *end(): Generator<Line> {
    this.#lineNumber += 1;
    const isTooLong = this.#size > this.#maxLineBytes;
    const line = isTooLong ? undefined : withoutCarriageReturn(join(this.#parts, this.#size));
    this.#parts = [];
    this.#size = 0;
    if (line?.length !== 0) yield { lineNumber: this.#lineNumber, line };
  }

  #append(part: Uint8Array): void {
    this.#size += part.length;
    if (this.#size <= this.#maxLineBytes) this.#parts.push(part);
    else this.#parts = [];
  }
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
