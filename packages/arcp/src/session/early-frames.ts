import type { Frame } from "../frame/frame.ts";
import type { Hole } from "../frame/sequence.ts";

/** A frame whose job is not known yet. */
export interface EarlyFrame {
  readonly frame: Frame;
  readonly jobId: string;
  readonly size: number;
}

/** A hole of this room's own making, which was not reported yet. */
export interface Overflow extends Hole {
  readonly overflow: true;
}

/** How many frames of jobs that are not known yet are kept, and how many characters of them. */
const mostFrames = 65_536;
const mostCharacters = 16_777_216;

/** Frames whose job is not known yet, and holes between them: an answer may arrive behind the events it brings. */
export class EarlyFrames {
  #items: (EarlyFrame | Hole | Overflow)[] = [];
  #count = 0;
  #characters = 0;
  #overflow: { readonly overflow: true; readonly from: number; to: number } | undefined;

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** The number of the oldest frame: it is not processed. */
  get oldest(): number | undefined {
    for (const item of this.#items)
      if ("jobId" in item && item.frame.event_seq !== undefined) return item.frame.event_seq;
    return undefined;
  }

  /** Keeps a frame, or notes that there was no room for it. */
  add(frame: Frame, jobId: string, size: number): void {
    if (this.#count < mostFrames && this.#characters + size <= mostCharacters) {
      this.#count++;
      this.#characters += size;
      this.#items.push({ frame, jobId, size });
      return;
    }
    const { event_seq: seq = 0 } = frame;
    if (this.#overflow === undefined) {
      this.#overflow = { overflow: true, from: seq, to: seq };
      this.#items.push(this.#overflow);
    } else this.#overflow.to = seq;
  }

  /** Events are missing between those that came and those that will. */
  gap(hole: Hole): void {
    this.#items.push(hole);
  }

  /** What a job that is known now has to be given, holes included; `keepsOthers` while more answers are awaited. */
  take(jobId: string, keepsOthers: boolean): readonly (EarlyFrame | Hole | Overflow)[] {
    const taken = this.#items.filter((item) => !("jobId" in item) || item.jobId === jobId);
    const others = keepsOthers ? this.#items.filter((item) => !("jobId" in item && item.jobId === jobId)) : [];
    this.clear();
    this.#items = others;
    for (const item of others) {
      if (!("jobId" in item)) continue;
      this.#count++;
      this.#characters += item.size;
    }
    // It has been given away as it stands; what is lost from now on is another hole.
    return taken;
  }

  clear(): void {
    this.#items = [];
    this.#count = 0;
    this.#characters = 0;
    this.#overflow = undefined;
  }
}
