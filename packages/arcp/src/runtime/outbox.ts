/** A frame that a session has to deliver. */
interface Entry {
  /** Its own sequence number, or the last one before it for a frame that carries none. */
  readonly seq: number;
  readonly sequenced: boolean;
  readonly text: string;
}

/** What stands where a frame was, so that its text is free before the list is shortened. */
const gone: Entry = { seq: 0, sequenced: false, text: "" };

/** How much a session keeps for its client. */
export interface OutboxLimits {
  readonly maxFrames: number;
  /** Characters over all kept frames. */
  readonly maxCharacters: number;
}

/**
 * What a session has sent or will send, kept until the client acknowledged it, so that it outlives the socket
 * (ARCP §6.5). Over its limits the oldest frames are forced out, and a client that still needs them cannot resume.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  #entries: Entry[] = [];
  /** Index of the first kept entry, and of the next one to send. */
  #head = 0;
  #cursor = 0;
  #characters = 0;
  /** Index of the first entry that the client is not known to have, and the characters from there on. */
  #oldest = 0;
  #outstandingCharacters = 0;
  /** The highest sequence number that is gone. */
  #gone = 0;
  #lostUnsent = false;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** Frames kept. */
  get size(): number {
    return this.#entries.length - this.#head;
  }

  /** Frames kept that were not sent on the current connection. */
  get unsent(): number {
    return this.#entries.length - this.#cursor;
  }

  /** Frames that the client is not known to have, sent or not, and their characters. */
  get outstanding(): number {
    return this.#entries.length - this.#oldest;
  }

  get outstandingCharacters(): number {
    return this.#outstandingCharacters;
  }

  /** True once when a frame was forced out before it was sent: the connection has a gap that only its end can show. */
  takeLoss(): boolean {
    const lost = this.#lostUnsent;
    this.#lostUnsent = false;
    return lost;
  }

  push(text: string, seq: number, sequenced: boolean): void {
    this.#entries.push({ text, seq, sequenced });
    this.#characters += text.length;
    this.#outstandingCharacters += text.length;
    while (this.size > this.#limits.maxFrames || (this.#characters > this.#limits.maxCharacters && this.size > 1)) {
      if (this.#cursor === this.#head) this.#lostUnsent = true;
      this.#dropFirst();
    }
  }

  /** The next frame to send, once, unless it is of a number beyond `upTo`. */
  next(upTo: number = Infinity): string | undefined {
    const entry = this.#entries[this.#cursor];
    if (entry === undefined || entry.seq > upTo) return undefined;
    this.#cursor++;
    return entry.text;
  }

  /** Notes how far the client has come, by its own word; nothing is forgotten. */
  received(seq: number): void {
    for (let entry = this.#entries[this.#oldest]; entry !== undefined; entry = this.#entries[++this.#oldest]) {
      if (entry.sequenced ? entry.seq > seq : entry.seq >= seq) return;
      this.#outstandingCharacters -= entry.text.length;
    }
  }

  /** Forgets what the client has processed. An unsequenced frame goes with the sequenced one after it. */
  free(acknowledged: number): void {
    for (let entry = this.#entries[this.#head]; entry !== undefined; entry = this.#entries[this.#head]) {
      if (entry.sequenced ? entry.seq > acknowledged : entry.seq >= acknowledged) break;
      this.#dropFirst();
    }
  }

  /** Frames to this number were not kept. */
  lose(seq: number): void {
    this.#gone = seq;
  }

  /** Whether everything after `seq` is still kept. */
  covers(seq: number): boolean {
    return seq >= this.#gone;
  }

  /** Goes back to just after `seq`: what follows is sent again. */
  rewind(seq: number): void {
    this.#lostUnsent = false;
    let index = this.#head;
    for (let entry = this.#entries[index]; entry !== undefined; entry = this.#entries[++index]) {
      if (entry.sequenced ? entry.seq > seq : entry.seq >= seq) break;
    }
    this.#cursor = index;
  }

  #dropFirst(): void {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return;
    this.#characters -= entry.text.length;
    // Only a sequenced frame leaves a gap that a client could ask for.
    if (entry.sequenced) this.#gone = entry.seq;
    if (this.#oldest <= this.#head) {
      this.#oldest = this.#head + 1;
      this.#outstandingCharacters -= entry.text.length;
    }
    this.#entries[this.#head++] = gone;
    if (this.#cursor < this.#head) this.#cursor = this.#head;
    if (this.#head < 1024 || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#cursor -= this.#head;
    this.#oldest -= this.#head;
    this.#head = 0;
  }
}
