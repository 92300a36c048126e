import { formatDecimal, parseDecimal } from "@imprest/core/internal";
import type { ModelPrices, PriceCard } from "../prices/model-prices.ts";
import { plainDecimal } from "../usage/decimal-text.ts";
import type { TokenKind, UsageTerms } from "../usage/usage.ts";

/** For which requests a price holds. */
export interface Where {
  readonly tier?: string | undefined;
  /** Prompts longer than this. */
  readonly above?: number | undefined;
}

type Texts = Partial<Record<TokenKind, string>>;

/** Enough for any published price of a single token. */
const scale = 40;

/** The prices of one model as they are found in a file, member by member; what is not understood is noted by name. */
export class Draft {
  readonly #unknown: string[] = [];
  /** By tier ("" is the plain one), then by threshold. */
  readonly #cards = new Map<string, Map<number, Texts>>();
  readonly #per: Record<string, string> = {};
  readonly #multipliers: Partial<Record<keyof UsageTerms, Record<string, string>>> = {};
  readonly #limits: { maxInputTokens?: number; maxOutputTokens?: number } = {};

  /** Members of the row that have no place in a price table. */
  get unknown(): readonly string[] {
    return this.#unknown;
  }

  refuse(member: string): void {
    this.#unknown.push(member);
  }

  /** `value` dollars buy 10^`powerOfTen` tokens. */
  tokens(
    member: string,
    value: unknown,
    kind: TokenKind,
    powerOfTen: 0 | 6,
    { tier = "", above = 0 }: Where = {},
  ): void {
    const text = shifted(value, 6 - powerOfTen);
    const cards = this.#cards.get(tier) ?? new Map<number, Texts>();
    const before = cards.get(above)?.[kind];
    // Two members may name one price, and then they agree.
    if (text === undefined || (before !== undefined && before !== text)) return this.refuse(member);
    this.#cards.set(tier, cards.set(above, { ...cards.get(above), [kind]: text }));
  }

  /** `value` dollars buy 10^`powerOfTen` of a unit. */
  unit(member: string, value: unknown, unit: string, powerOfTen: 0 | 3 = 0): void {
    const text = shifted(value, -powerOfTen);
    if (text === undefined) this.refuse(member);
    else this.#per[unit] = text;
  }

  multiplier(member: string, value: unknown, term: keyof UsageTerms, word: string): void {
    const text = shifted(value, 0);
    if (text === undefined) this.refuse(member);
    else this.#multipliers[term] = { ...this.#multipliers[term], [word]: text };
  }

  limit(member: string, value: unknown, name: "maxInputTokens" | "maxOutputTokens"): void {
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) this.#limits[name] = value;
    else if (value !== 0) this.refuse(member);
  }

  /** A kind that the file prices as text by its own rules, where it has no price of its own. */
  asInput(kind: TokenKind): void {
    const plain = this.#cards.get("")?.get(0);
    if (plain?.input !== undefined && plain[kind] === undefined) plain[kind] = plain.input;
  }

  /** `undefined` where the row names no price. */
  build(): ModelPrices | undefined {
    const card = (tier: string): PriceCard => {
      const cards = this.#cards.get(tier) ?? new Map<number, Texts>();
      const above = [...cards].filter(([threshold]) => threshold > 0).toSorted(([left], [right]) => left - right);
      return {
        ...cards.get(0),
        ...(above.length > 0 && { above: above.map(([promptTokens, texts]) => ({ promptTokens, ...texts })) }),
      };
    };
    if (this.#cards.size === 0 && Object.keys(this.#per).length === 0) return undefined;
    const tiers = [...this.#cards.keys()].filter((tier) => tier !== "");
    return {
      ...card(""),
      ...(Object.keys(this.#per).length > 0 && { per: this.#per }),
      ...(tiers.length > 0 && { tiers: Object.fromEntries(tiers.map((tier) => [tier, card(tier)])) }),
      ...(Object.keys(this.#multipliers).length > 0 && { multipliers: this.#multipliers }),
      ...this.#limits,
    };
  }
}

/** `value` times ten to the power of `places`, exactly. */
function shifted(value: unknown, places: number): string | undefined {
  const text = plainDecimal(value);
  const parsed = text === undefined ? undefined : parseDecimal(text, scale);
  return typeof parsed === "bigint" ? formatDecimal(parsed, scale - places) : undefined;
}
