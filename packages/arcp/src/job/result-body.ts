import { ResponseFormatError } from "@imprest/core";
import { hex, parseJson, utf8 } from "@imprest/core/internal";
import type { JobResult, ResultChunkBody } from "@imprest/core/models/arcp";
import { ConsumerStalledError, ResultUnavailableError } from "../errors.ts";
import type { Pressure } from "./pressure.ts";

/**
 * Puts a chunked result together (ARCP §8.4): chunks in order without gaps, each in its own encoding, a last one, and
 * the size and digest that the result announces. Bytes are kept until they are read, once, as with a `Response`.
 */
export class ResultBody {
  readonly #jobId: string;
  readonly #limit: number;
  readonly #pressure: Pressure;
  /** Bytes that no reader has taken. */
  #waiting: Uint8Array[] = [];
  #counted = 0;
  #size = 0;
  #next = 0;
  #last = false;
  #text = true;
  /** The first half of a surrogate pair that two chunks share. */
  #half = "";
  #resultId: string | undefined;
  #inline: (() => Uint8Array) | undefined;
  #ended = false;
  #failure: Error | undefined;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #taken = false;
  #moved = true;

  constructor(jobId: string, limit: number, pressure: Pressure) {
    this.#jobId = jobId;
    this.#limit = limit;
    this.#pressure = pressure;
  }

  /** True once a chunk came: the result is not inline. */
  get chunked(): boolean {
    return this.#resultId !== undefined;
  }

  /** True while every chunk was text. */
  get text(): boolean {
    return this.#text;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  accept({ result_id, chunk_seq, data, encoding, more }: ResultChunkBody): void {
    if (this.#failure !== undefined) return;
    this.#resultId ??= result_id;
    if (result_id !== this.#resultId) return this.fail(this.#broken(`a chunk belongs to another result`));
    if (this.#last) return this.fail(this.#broken("a chunk came after the last one"));
    if (chunk_seq !== this.#next) return this.fail(this.#broken(`chunk ${chunk_seq} came instead of ${this.#next}`));
    const bytes = this.#decode(data, encoding, more);
    if (bytes === undefined) return this.fail(this.#broken(`chunk ${chunk_seq} is not valid ${encoding}`));
    this.#next++;
    this.#last = !more;
    this.#size += bytes.length;
    if (this.#size > this.#limit) return this.fail(this.#broken(`it is larger than ${this.#limit} bytes`));
    // A reader that left, or was cut off, takes nothing more.
    if (bytes.length > 0 && (!this.#taken || this.#stream !== undefined)) this.#waiting.push(bytes);
    this.#flow();
  }

  /** Checks the whole against what the result announces, and ends it. */
  finish(result: Partial<JobResult>): void {
    if (this.chunked) {
      if (result.result_id !== this.#resultId)
        this.fail(this.#broken("the result does not name the chunks' result_id"));
      else if (!this.#last) this.fail(this.#broken("the last chunk is missing"));
      else if (result.result_size !== undefined && result.result_size !== this.#size) {
        this.fail(this.#broken(`it has ${this.#size} bytes instead of ${result.result_size}`));
      }
    } else if (result.result_id !== undefined) {
      this.fail(this.#broken("the result names chunks, but none came"));
    }
    this.#ended = true;
    this.#flow();
  }

  /** The job has no result any more; a reader fails. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting = [];
    this.#flow();
  }

  /** The bytes as they come. @throws ResultUnavailableError when they were taken before. */
  stream(): ResultStream {
    if (this.#taken) throw new ResultUnavailableError("The result was read already.", this.#jobId);
    this.#taken = true;
    return new ResultStream(
      {
        start: (controller) => {
          this.#stream = controller;
          this.#flow();
        },
        pull: () => {
          this.#moved = true;
          this.#flow();
        },
        cancel: () => {
          this.#stream = undefined;
          this.#waiting = [];
          this.#count();
        },
      },
      { highWaterMark: 1 },
    );
  }

  /** An inline result takes the place of chunks; `produce` is called when someone reads. */
  supply(produce: () => Uint8Array): void {
    this.#inline = produce;
    this.#ended = true;
    this.#flow();
  }

  /** Begins a period of watching for a reader that does not move. */
  mark(): void {
    this.#moved = false;
  }

  failStalled(): void {
    if (this.#stream === undefined || this.#moved || this.#waiting.length === 0) return;
    this.#stream.error(new ConsumerStalledError("The reader of a result took nothing for too long and was cut off."));
    this.#stream = undefined;
    this.#waiting = [];
    this.#count();
  }

  #decode(data: string, encoding: string, more: boolean): Uint8Array | undefined {
    if (encoding === "base64") {
      this.#text = false;
      if (this.#half !== "") return undefined;
      try {
        return Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
      } catch {
        return undefined;
      }
    }
    if (encoding !== "utf8") return undefined;
    const whole = this.#half + data;
    const end = more && /[\ud800-\udbff]$/.test(whole) ? whole.length - 1 : whole.length;
    this.#half = whole.slice(end);
    return utf8(whole.slice(0, end));
  }

  /** Moves waiting bytes into an open stream as far as its reader wants them. */
  #flow(): void {
    const stream = this.#stream;
    if (stream !== undefined) {
      if (this.#inline !== undefined) this.#waiting.push(this.#inline());
      this.#inline = undefined;
      for (let next = this.#waiting[0]; next !== undefined && (stream.desiredSize ?? 0) > 0; next = this.#waiting[0]) {
        this.#waiting.shift();
        stream.enqueue(next);
      }
      // A reader that waits asks for more from within `enqueue`: this ran again, and may have ended the stream.
      if (this.#stream !== stream) return this.#count();
      if (this.#failure !== undefined) {
        this.#stream = undefined;
        stream.error(this.#failure);
      } else if (this.#ended && this.#waiting.length === 0) {
        this.#stream = undefined;
        stream.close();
      }
    }
    this.#count();
  }

  /** Only what a slow reader holds up is pressure; without a reader the limit on the whole bounds it. */
  #count(): void {
    let counted = 0;
    if (this.#stream !== undefined) for (const bytes of this.#waiting) counted += bytes.length;
    if (counted === this.#counted) return;
    const change = counted - this.#counted;
    this.#counted = counted;
    this.#pressure.change(change);
  }

  #broken(what: string): ResponseFormatError {
    return new ResponseFormatError(`The streamed result of job ${this.#jobId} is broken: ${what}.`);
  }
}

/** The bytes of a result while the job runs; `text`, `json` and `bytes` read it to its end, as with a `Response`. */
export class ResultStream extends ReadableStream<Uint8Array> {
  /**
   * The whole result as text, once it is complete.
   * @throws what ended the job otherwise.
   */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** @throws SyntaxError for text that is not JSON. */
  async json(): Promise<unknown> {
    return parseJson(await this.text());
  }

  /**
   * The whole result as bytes, once it is complete.
   * @throws what ended the job otherwise.
   */
  bytes(): Promise<Uint8Array> {
    return readAll(this);
  }
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let item = await reader.read(); !item.done; item = await reader.read()) {
    parts.push(item.value);
    size += item.value.length;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @throws ResponseFormatError when the SHA-256 of `bytes` is not `expected` (hex). */
export async function verifyDigest(bytes: Uint8Array, expected: string | undefined): Promise<void> {
  if (expected === undefined) return;
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  if (hex(new Uint8Array(digest)) !== expected.toLowerCase()) {
    throw new ResponseFormatError("The streamed result does not have the SHA-256 that its runtime announced.");
  }
}
