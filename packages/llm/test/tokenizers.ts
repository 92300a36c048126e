// Tokenizers by the rules of byte-pair encoding, small enough that fast-check finds what is odd about them.

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** The number of tokens of a text. */
export type Tokenizer = (text: string) => number;

const encoder = new TextEncoder();

export const byteTokenizer: Tokenizer = (text) => encoder.encode(text).length;

/**
 * Learns the pairs of `words`, each from left to right, at a rank that `seed` decides; then merges the pair of the lowest
 * rank until none is left, over the whole text at once.
 */
export function mergingTokenizer(words: readonly string[], seed: number): Tokenizer {
  const ranks = new Map<string, number>();
  const bytesOf = (text: string): string[] => Array.from(encoder.encode(text), (byte) => String.fromCharCode(byte));
  for (const word of words) {
    let left = "";
    for (const byte of bytesOf(word)) {
      if (left !== "") ranks.set(pairOf(left, byte), (ranks.size * 7_919 + Math.abs(seed)) % 1_009);
      left += byte;
    }
  }
  return (text) => {
    const tokens = bytesOf(text);
    for (;;) {
      const at = lowest(tokens, ranks);
      if (at === undefined) return tokens.length;
      tokens.splice(at, 2, `${tokens[at]}${tokens[at + 1]}`);
    }
  };
}

/** A byte is a character up to 255, so that this one parts any two tokens. */
function pairOf(left = "", right = ""): string {
  return `${left}\u0100${right}`;
}

function lowest(tokens: readonly string[], ranks: ReadonlyMap<string, number>): number | undefined {
  let found: number | undefined;
  let best = Number.POSITIVE_INFINITY;
  for (let at = 0; at + 1 < tokens.length; at += 1) {
    const rank = ranks.get(pairOf(tokens[at], tokens[at + 1])) ?? Number.POSITIVE_INFINITY;
    if (rank < best) [found, best] = [at, rank];
  }
  return found;
}

/**
 * What a provider counts: the tools, then the messages. With markers a role is a token of its own, and texts are cut at
 * it; without, everything is one text.
 */
export function countPrompt(
  tokenizer: Tokenizer,
  messages: readonly Message[],
  tools: readonly unknown[],
  hasMarkers: boolean,
): number {
  const told = tools.length === 0 ? [] : [JSON.stringify(tools)];
  const texts = [...told, ...messages.map(({ content }) => content)];
  if (!hasMarkers) return 1 + tokenizer(texts.join(""));
  return texts.reduce((sum, text) => sum + 3 + tokenizer(text), 3);
}
