import { stringifyJson } from "@imprest/core/internal";
import type { Frame } from "./frame.ts";

/** How many delivered frames are remembered by id. */
const remembered = 1024;
/** How many frames beyond a hole are kept for the case that a resume cannot bring them again. */
const mostHeld = 10_000;

/** The first and the last number that are missing; 0 and 0 when nobody knows which. */
export interface Hole {
  readonly from: number;
  readonly to: number;
}

/** A frame that was delivered. */
interface Delivered {
  readonly id: string;
  readonly type: string;
  readonly size: number;
  /** Absent of a large one. */
  readonly payload: object | undefined;
}

/** Payloads that are remembered, in characters of their frames; larger ones are told apart by their size alone. */
const largestRemembered = 4096;

type Deliver = (frame: Frame, size: number) => void;

/**
 * The order of one session's numbered frames (ARCP §8.3): each is delivered once, in order. A frame beyond the next
 * number is held, and the cursor stays before the hole, so that a resume asks for what is missing.
 */
export class Sequence {
  /** The number of the last frame delivered. */
  last = 0;
  readonly #deliver: Deliver;
  readonly #held = new Map<number, { readonly frame: Frame; readonly size: number }>();
  /** What was delivered under the last numbers, by number modulo `remembered`. */
  #delivered: (Delivered | undefined)[] = [];
  #seen = new Set<string>();

  constructor(deliver: Deliver, last = 0) {
    this.#deliver = deliver;
    this.last = last;
  }

  /**
   * Takes a frame in.
   * @returns `"gap"` when it lies beyond a hole, `"duplicate"` when it was delivered before, be it under another id, and
   * `"reused"` when another frame was delivered under its number (a runtime that numbers by link): that one is delivered.
   */
  accept(frame: Frame, seq: number, size: number): "delivered" | "duplicate" | "gap" | "reused" {
    const next = this.last + 1;
    if (seq === next) {
      this.#advance(frame, seq, size);
      if (this.#held.size > 0) this.#drain();
      return "delivered";
    }
    if (seq > next) {
      if (this.#held.size < mostHeld) this.#held.set(seq, { frame, size });
      return "gap";
    }
    const { id } = frame;
    const known = this.#delivered[seq % remembered];
    if (id === undefined || known === undefined || seq <= this.last - remembered || this.#seen.has(id)) {
      return "duplicate";
    }
    if (isSame(known, frame, id, size)) return "duplicate";
    this.#seen.add(id);
    this.#deliver(frame, size);
    return "reused";
  }

  /** A frame is held because one before it is missing. */
  get hasHole(): boolean {
    return this.#held.size > 0;
  }

  /** No more can be held. */
  get isFull(): boolean {
    return this.#held.size >= mostHeld;
  }

  /** Gives up on the hole: the runtime has nothing to fill it. @returns the numbers that are missing. */
  skipHole(): Hole | undefined {
    if (this.#held.size === 0) return undefined;
    const from = this.last + 1;
    const to = Math.min(...this.#held.keys()) - 1;
    this.last = to;
    return { from, to };
  }

  /** Delivers what was held behind the hole that `skipHole` closed. */
  deliverHeld(): void {
    this.#drain();
  }

  /** A new session counts from 1 again. What was held is handed back, in order: it cannot be asked for any more. */
  restart(): { readonly frame: Frame; readonly size: number }[] {
    const held = [...this.#held].sort(([left], [right]) => left - right).map(([, item]) => item);
    this.#held.clear();
    this.#delivered = [];
    this.#seen = new Set();
    this.last = 0;
    return held;
  }

  #advance(frame: Frame, seq: number, size: number): void {
    const slot = seq % remembered;
    const evicted = this.#delivered[slot];
    if (evicted !== undefined) this.#seen.delete(evicted.id);
    const { id = "", type, payload } = frame;
    this.last = seq;
    // The same frame under a new number is still the same frame.
    const repeated = id !== "" && this.#seen.has(id);
    this.#delivered[slot] = {
      id,
      type,
      size: size - id.length,
      payload: size > largestRemembered ? undefined : payload,
    };
    this.#seen.add(id);
    if (!repeated) this.#deliver(frame, size);
  }

  #drain(): void {
    for (;;) {
      const item = this.#held.get(this.last + 1);
      if (item === undefined) break;
      this.#held.delete(this.last + 1);
      this.#advance(item.frame, this.last + 1, item.size);
    }
    for (const seq of this.#held.keys()) if (seq <= this.last) this.#held.delete(seq);
  }
}

/** The event that was delivered under this number, written anew: a replay may give its frames ids of their own. */
function isSame(known: Delivered, { type, payload }: Frame, id: string, size: number): boolean {
  if (known.type !== type || known.size !== size - id.length) return false;
  return known.payload === undefined || stringifyJson(known.payload) === stringifyJson(payload);
}
