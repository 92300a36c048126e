import { stringifyJson } from "@imprest/core/internal";
import type { Frame } from "../frame/frame.ts";

/** Frames that are remembered of one job; a runtime that replays more brings those beyond once more. */
const mostRemembered = 20_000;

/**
 * What was delivered of a job since the number behind which a replay of it begins. A replay in another session has numbers
 * and ids of its own, and where frames were lost on the way it has more of them: only their content shows which is known.
 */
export class ReplayMemory {
  readonly #delivered = new Map<string, number>();
  #count = 0;
  /** What of it the replay that is under way has not brought again. */
  #expected = new Map<string, number>();
  #lastTs = "";

  /** A replay begins. */
  begin(): void {
    this.#expected = new Map(this.#delivered);
  }

  /** Whatever comes next was not delivered before. */
  end(): void {
    this.#expected.clear();
  }

  /** A replay can begin behind what has come so far. */
  forget(): void {
    this.#delivered.clear();
    this.#expected.clear();
    this.#count = 0;
  }

  /** True for a frame that was delivered before, or whose place was: it was missing there, and has been reported so. */
  knows({ type, payload }: Frame): boolean {
    const key = digest(type + stringifyJson(payload));
    const ts = typeof payload["ts"] === "string" ? payload["ts"] : "";
    const left = this.#expected.get(key) ?? 0;
    if (left > 1) this.#expected.set(key, left - 1);
    else this.#expected.delete(key);
    if (left > 0 || (this.#expected.size > 0 && ts < this.#lastTs)) return true;
    if (ts > this.#lastTs) this.#lastTs = ts;
    if (this.#count++ < mostRemembered) this.#delivered.set(key, (this.#delivered.get(key) ?? 0) + 1);
    return false;
  }
}

/** 64 bits of a text, and its length. */
function digest(text: string): string {
  let high = 0x811c9dc5;
  let low = 0x9e3779b9;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b) ^ (low >>> 13);
  }
  return `${high >>> 0}.${low >>> 0}.${text.length}`;
}
