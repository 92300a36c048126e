import type { Disposition } from "@imprest/core/audit";

/** Beyond it lines are verified and counted, and not listed: 25 bytes a line would be too many. */
export const mostLines = 4_000_000;

const dispositions: readonly Disposition[] = [
  "authentic",
  "binding_only",
  "signer_authority_failed",
  "signer_resolution_failed",
  "signature_invalid",
];
const setBit = 0x80;
const acceptedBit = 0x40;
const warnedBit = 0x20;

/** What is remembered of one line. */
export interface LineEntry {
  readonly disposition: Disposition;
  readonly accepted: boolean;
  readonly warned: boolean;
  readonly kind: string;
  readonly atMs: number | undefined;
  /** A number of `Groups`; 0 for none. */
  readonly group: number;
  readonly code: string | undefined;
}

/** One row of fixed size for every line of a file, in typed arrays: 25 bytes a line, whatever the line holds. */
export class LineTable {
  #starts = new Float64Array(1_024);
  #times = new Float64Array(1_024);
  #groups = new Uint32Array(1_024);
  #codes = new Uint16Array(1_024);
  #kinds = new Uint16Array(1_024);
  #verdicts = new Uint8Array(1_024);
  #words = new Words();
  /** Lines whose start is known. */
  #lines = 0;
  #end = 0;

  /** Notes where lines start, from the bytes as they are read: lines are counted from 1, empty ones included. */
  addBytes(chunk: Uint8Array): void {
    if (this.#lines === 0) this.#startLine(0);
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) this.#startLine(this.#end + at + 1);
    this.#end += chunk.length;
  }

  set(line: number, { disposition, accepted, warned, kind, atMs, group, code }: LineEntry): boolean {
    if (line > mostLines) return false;
    const word = dispositions.indexOf(disposition);
    this.#verdicts[line] = setBit | word | (accepted ? acceptedBit : 0) | (warned ? warnedBit : 0);
    this.#times[line] = atMs ?? Number.NaN;
    this.#groups[line] = group;
    this.#kinds[line] = this.#words.numberOf(kind);
    this.#codes[line] = this.#words.numberOf(code ?? "");
    return true;
  }

  get(line: number): LineEntry | undefined {
    const verdict = this.#verdicts[line] ?? 0;
    if (verdict === 0) return undefined;
    const atMs = this.#times[line] ?? Number.NaN;
    return {
      disposition: dispositions[verdict & 0x07] ?? "signature_invalid",
      accepted: (verdict & acceptedBit) !== 0,
      warned: (verdict & warnedBit) !== 0,
      kind: this.#words.wordOf(this.#kinds[line] ?? 0),
      atMs: Number.isNaN(atMs) ? undefined : atMs,
      group: this.#groups[line] ?? 0,
      code: this.#words.wordOf(this.#codes[line] ?? 0) || undefined,
    };
  }

  /** Where a line stands in the unzipped bytes, without its end. */
  rangeOf(line: number): { readonly from: number; readonly to: number } {
    const from = this.#starts[line] ?? 0;
    const to = line < this.#lines && line < mostLines ? (this.#starts[line + 1] ?? 0) - 1 : this.#end;
    return { from, to: Math.max(from, to) };
  }

  /** The numbers of lines that hold a statement, and which of them are wanted. */
  select(wanted: "all" | "rejected" | "warned"): Uint32Array {
    const found = new Uint32Array(this.#lines);
    let count = 0;
    for (let line = 1; line <= this.#lines; line += 1) {
      const verdict = this.#verdicts[line] ?? 0;
      if (verdict === 0) continue;
      if (wanted === "rejected" && (verdict & acceptedBit) !== 0) continue;
      if (wanted === "warned" && (verdict & warnedBit) === 0) continue;
      found[count++] = line;
    }
    return found.subarray(0, count);
  }

  /** Lines of a group, in the order of the file; the first `most`, and how many there are. */
  linesOf(group: number, most: number): { readonly lines: readonly number[]; readonly total: number } {
    const lines: number[] = [];
    let total = 0;
    for (let line = 1; line <= this.#lines; line += 1) {
      if (this.#groups[line] !== group || (this.#verdicts[line] ?? 0) === 0) continue;
      total += 1;
      if (lines.length < most) lines.push(line);
    }
    return { lines, total };
  }

  #startLine(at: number): void {
    if (this.#lines >= mostLines) return;
    this.#lines += 1;
    if (this.#lines >= this.#starts.length) this.#grow();
    this.#starts[this.#lines] = at;
  }

  #grow(): void {
    const size = this.#starts.length * 2;
    this.#starts = widened(this.#starts, new Float64Array(size));
    this.#times = widened(this.#times, new Float64Array(size));
    this.#groups = widened(this.#groups, new Uint32Array(size));
    this.#codes = widened(this.#codes, new Uint16Array(size));
    this.#kinds = widened(this.#kinds, new Uint16Array(size));
    this.#verdicts = widened(this.#verdicts, new Uint8Array(size));
  }
}

function widened<Numbers extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(
  from: Numbers,
  to: Numbers,
): Numbers {
  to.set(from);
  return to;
}

/** Words that lines share, by number. A file that makes up new ones gets "other" for those beyond the bound. */
class Words {
  readonly #words: string[] = [""];
  readonly #numbers = new Map<string, number>([["", 0]]);

  numberOf(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) return known;
    const cut = this.#words.length < 1_000 ? word.slice(0, 60) : "other";
    const number = this.#numbers.get(cut) ?? this.#words.push(cut) - 1;
    this.#numbers.set(cut, number);
    return number;
  }

  wordOf(number: number): string {
    return this.#words[number] ?? "";
  }
}
