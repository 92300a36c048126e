/** How a provider counts the tokens of a text. */
export type CountTokens = (text: string) => number;

/**
 * The provider's own count where a test gives none: four ASCII characters to a token, and a token for each byte of any
 * other character. It stays below one token a byte, as every tokenizer does.
 */
export const countTokens: CountTokens = (text) => {
  let ascii = 0;
  let others = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) ascii += 1;
    else others += point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return Math.ceil(ascii / 4) + others;
};

/** A part of an answer that is generated, sent and charged as one. */
export interface Piece {
  readonly text: string;
  readonly tokens: number;
}

/** Sixteen characters a piece: small enough that a stream has many. */
const pieceLength = 16;

/** Cuts a text into pieces, no character in two. */
export function piecesOf(text: string, count: CountTokens): Piece[] {
  const characters = Array.from(text);
  const pieces: Piece[] = [];
  for (let at = 0; at < characters.length; at += pieceLength) {
    const part = characters.slice(at, at + pieceLength).join("");
    pieces.push({ text: part, tokens: count(part) });
  }
  return pieces;
}

/** At most so many pieces make a filler, so that a long answer is no slower to stream than a short one. */
const fillerPieces = 64;

/** Text that is charged as exactly `tokens` tokens, whatever the count would make of it. */
export function fillerOf(tokens: number): Piece[] {
  const each = Math.max(4, Math.ceil(tokens / fillerPieces));
  const pieces: Piece[] = [];
  for (let left = tokens; left > 0; left -= each) {
    const size = Math.min(each, left);
    pieces.push({ text: "word".repeat(size - 1) + "end ", tokens: size });
  }
  return pieces;
}

/** The pieces that fit into `limit` tokens. */
export function piecesWithin(
  pieces: readonly Piece[],
  limit: number,
): { readonly pieces: Piece[]; readonly isCut: boolean } {
  const fitting: Piece[] = [];
  let left = limit;
  for (const piece of pieces) {
    if (piece.tokens > left) return { pieces: fitting, isCut: true };
    left -= piece.tokens;
    fitting.push(piece);
  }
  return { pieces: fitting, isCut: false };
}
