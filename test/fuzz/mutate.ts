/** A small generator of repeatable randomness (mulberry32): a finding is found again from its seed. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to before `most`. */
  below(most: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % most;
  }

  one<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }
}

/** What breaks readers of JSON, of tokens and of HTTP more often than noise does. */
const tokens: readonly string[] = [
  ...'{}[]",:.~-+eE0\\/%?&=#\0\n\r\t'.split(""),
  ..."null true false -0 1e999 9007199254740993 9223372036854775808 -1 1.5 0x10 NaN = eyJ sha-256 ...".split(" "),
  ...'\\u0000 \\ud800 \ufeff \u2028 é 𐏿 __proto__ constructor toString ~~ .. %00 %2f "a":1,"a":2 {"":{}}'.split(" "),
  "[".repeat(70),
  '{"a":'.repeat(70),
  "A".repeat(300),
];

/** A text with a few things wrong with it, or two texts joined. */
export function mutate(text: string, corpus: readonly string[], chance: Chance): string {
  let mutated = text;
  for (let times = 1 + chance.below(4); times > 0; times -= 1) mutated = mutateOnce(mutated, corpus, chance);
  return mutated.length > 65_536 ? mutated.slice(0, 65_536) : mutated;
}

function mutateOnce(text: string, corpus: readonly string[], chance: Chance): string {
  const at = chance.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + chance.below(chance.one([2, 8, 64])));
  switch (chance.below(8)) {
    case 0:
      return text.slice(0, at) + chance.one(tokens) + text.slice(at);
    case 1:
      return text.slice(0, at) + chance.one(tokens) + text.slice(end);
    case 2:
      return text.slice(0, at) + text.slice(end);
    case 3:
      return text.slice(0, end) + text.slice(at);
    case 4:
      return text.slice(0, at);
    case 5: {
      const other = chance.one(corpus);
      return text.slice(0, at) + other.slice(chance.below(other.length + 1));
    }
    case 6:
      return text.slice(0, at) + String.fromCharCode(chance.below(chance.one([128, 256, 65_536]))) + text.slice(at + 1);
    default: {
      const other = text.slice(chance.below(text.length + 1)).slice(0, end - at);
      return text.slice(0, at) + other + text.slice(end);
    }
  }
}
