import { VerificationError } from "../errors/local-errors.ts";

/** What was wrong with a text that had to be I-JSON. Open: later versions may add to it. */
export type StrictJsonCode =
  | "too_large"
  | "too_deep"
  | "invalid_utf8"
  | "byte_order_mark"
  | "lone_surrogate"
  | "duplicate_key"
  | "syntax"
  | "trailing_data"
  | "number_overflow"
  | "number_underflow"
  | "negative_zero"
  | "inexact_integer";

/** Where something stands in a text. */
export interface TextPosition {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in UTF-16 code units. */
  readonly column: number;
}

/** A text is not I-JSON (RFC 7493), or is more than the caller allows. `reason` is one of `StrictJsonCode`. */
export class StrictJsonError extends VerificationError implements TextPosition {
  static override readonly brand: string = "StrictJsonError";
  declare readonly reason: StrictJsonCode;
  readonly line: number;
  readonly column: number;

  constructor(reason: StrictJsonCode, what: string, { line, column }: TextPosition) {
    super(reason, `${what} (line ${line}, column ${column}).`);
    this.line = line;
    this.column = column;
  }

  protected override details(): Record<string, unknown> {
    return { ...super.details(), line: this.line, column: this.column };
  }
}

/** The position of a UTF-16 offset; lines end at LF. */
export function positionAt(text: string, offset: number): TextPosition {
  let line = 1;
  let lineStart = 0;
  for (;;) {
    const end = text.indexOf("\n", lineStart);
    if (end === -1 || end >= offset) return { line, column: offset - lineStart + 1 };
    line += 1;
    lineStart = end + 1;
  }
}
