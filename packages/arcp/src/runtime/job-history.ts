/** One sequenced message of a job, as later observers get it. */
export interface HistoryEntry {
  /** Its number in the session that submitted the job: the space that `from_event_seq` speaks of. */
  readonly seq: number;
  readonly message: JobMessage;
}

/** A message of a job, written once for every session that gets it. */
export interface JobMessage {
  readonly type: string;
  /** The payload as JSON. */
  readonly text: string;
  /** What principals other than the submitter get instead, where that differs. */
  readonly redactedText?: string | undefined;
  /** The feature that a session must have negotiated to get it. */
  readonly feature?: string | undefined;
  /** Part of a streamed result: whoever joins later needs it from the start. */
  readonly isChunk?: boolean | undefined;
  /** The envelope's extensions as JSON. */
  readonly extensions?: string | undefined;
  /** Not kept for a resume (one reference runtime's habit with rotated credentials). */
  readonly unkept?: boolean | undefined;
}

/** What a job has emitted so far, oldest first, within limits: the oldest entries go when a new one does not fit. */
export class JobHistory {
  readonly #maxEvents: number;
  readonly #maxCharacters: number;
  #entries: HistoryEntry[] = [];
  #head = 0;
  #characters = 0;
  #cut = 0;

  constructor(maxEvents: number, maxCharacters: number) {
    this.#maxEvents = maxEvents;
    this.#maxCharacters = maxCharacters;
  }

  add(entry: HistoryEntry): void {
    this.#entries.push(entry);
    this.#characters += entry.message.text.length;
    while (this.#size > this.#maxEvents || (this.#characters > this.#maxCharacters && this.#size > 1)) {
      const dropped = this.#entries[this.#head++];
      this.#characters -= dropped?.message.text.length ?? 0;
      this.#cut = dropped?.seq ?? this.#cut;
    }
    // Shortened in strides, so that dropping one entry does not copy the others each time.
    if (this.#head >= 256 && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Of everything kept. */
  get characters(): number {
    return this.#characters;
  }

  /** The number of the last entry that is gone; 0 while all are kept. */
  get cut(): number {
    return this.#cut;
  }

  clear(): void {
    this.#cut = this.#entries.at(-1)?.seq ?? this.#cut;
    this.#entries = [];
    this.#head = 0;
    this.#characters = 0;
  }

  /** The entries with `seq` greater than `from`. */
  since(from: number): HistoryEntry[] {
    return this.#entries.slice(this.#head).filter(({ seq }) => seq > from);
  }

  get #size(): number {
    return this.#entries.length - this.#head;
  }
}
