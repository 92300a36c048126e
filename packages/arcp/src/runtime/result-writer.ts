import { utf8 } from "@imprest/core/internal";
import { arcpFailure } from "./failure.ts";
import type { Job } from "./job.ts";
import type { RuntimeSettings } from "./options.ts";

/** What a streamed result came to, for `job.result` (ARCP §8.4). */
export interface StreamedResult {
  readonly resultId: string;
  /** Decoded bytes. */
  readonly size: number;
  readonly summary: string | undefined;
}

/** Decoded bytes of a chunk that `write` makes. */
const chunkBytes = 262_144;

/**
 * Streams a job's result (ARCP §8.4): text goes out as `utf8`, bytes and what follows them as
 * `base64`, in chunks of at most 256 KiB.
 * Awaiting a write waits for a client that is behind.
 */
export class ResultWriter {
  readonly #job: Job;
  readonly #settings: RuntimeSettings;
  #resultId: string | undefined;
  #chunks = 0;
  #size = 0;
  #summary: string | undefined;
  #isFinal = false;
  /** Bytes went out: from there on text goes as its bytes, since some clients refuse a stream of two encodings. */
  #binary = false;

  constructor(job: Job, settings: RuntimeSettings) {
    this.#job = job;
    this.#settings = settings;
  }

  /** True once a chunk went out: the job's result is this stream. */
  get hasStarted(): boolean {
    return this.#resultId !== undefined;
  }

  /** @throws ProtocolError INTERNAL_ERROR past the limit of a result, which also ends the job (ARCP §14). */
  async write(data: string | Uint8Array): Promise<void> {
    const parts = typeof data === "string" ? splitText(data) : splitBytes(data);
    for (const part of parts) await this.#chunk(part, true);
  }

  /** Marks the last chunk. What an agent returns without this is ended for it. */
  async end(options: { readonly summary?: string | undefined } = {}): Promise<void> {
    this.#summary = options.summary ?? this.#summary;
    if (this.#isFinal) return;
    await this.#chunk("", false);
  }

  /** Sends one chunk as it is. @throws as `write`, also for a chunk over its own limit. */
  async chunk(data: string | Uint8Array, more: boolean): Promise<void> {
    await this.#chunk(data, more);
  }

  /** Ends the stream if the agent did not. */
  async finish(): Promise<StreamedResult> {
    await this.end();
    return { resultId: this.#resultId ?? "", size: this.#size, summary: this.#summary };
  }

  async #chunk(data: string | Uint8Array, more: boolean): Promise<void> {
    if (this.#isFinal) throw arcpFailure("INVALID_REQUEST", "The result was ended; nothing can be added to it.");
    const { maxChunkBytes, maxResultBytes, identifiers } = this.#settings;
    const listens = [...this.#job.submitters].every(({ features }) => features.has("result_chunk"));
    if (!listens) throw arcpFailure("INVALID_REQUEST", "The client did not negotiate result_chunk; return the result.");
    const size = typeof data === "string" ? utf8(data).length : data.length;
    if (size > maxChunkBytes) throw this.#tooLarge(`A result chunk has more than ${maxChunkBytes} bytes.`);
    if (this.#size + size > maxResultBytes) throw this.#tooLarge(`The result has more than ${maxResultBytes} bytes.`);
    this.#binary ||= typeof data !== "string";
    this.#resultId ??= identifiers.next("res");
    this.#size += size;
    this.#isFinal = !more;
    const body = {
      result_id: this.#resultId,
      chunk_seq: this.#chunks++,
      data: typeof data === "string" && !this.#binary ? data : base64(typeof data === "string" ? utf8(data) : data),
      encoding: this.#binary ? "base64" : "utf8",
      more,
    };
    await this.#job.emit("result_chunk", body, { feature: "result_chunk", isChunk: true });
  }

  #tooLarge(message: string): Error {
    // The same job would be as large again.
    const failure = arcpFailure("INTERNAL_ERROR", message, { retryable: false });
    this.#job.stop(failure, "error", 0);
    return failure;
  }
}

/** At most a quarter as many characters as bytes, never between the halves of a surrogate pair. */
function* splitText(text: string): Generator<string> {
  const most = chunkBytes / 4;
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + most, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end--;
    yield text.slice(start, end);
    start = end;
  }
}

function* splitBytes(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += chunkBytes) yield bytes.subarray(start, start + chunkBytes);
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(binary);
}
