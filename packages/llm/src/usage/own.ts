import { type Members, unreadable } from "./members.ts";
import { type Reading, readTerms } from "./reading.ts";
import { type RequestUsage, type UsageTerms, inputKinds, outputKinds, sumCounts } from "./usage.ts";

export function isOwn(usage: Members): boolean {
  return usage.isObject("units") || (usage.isObject("tokens") && !usage.isObject("billed_units"));
}

type Counts = Readonly<Record<string, number>>;

const kinds: ReadonlySet<string> = new Set([...inputKinds, ...outputKinds]);

/** Our own words, for what has no usage object: `{ units: { image: 2 } }`. */
export function readOwn(usage: Members): Reading {
  const read = (part: Members): RequestUsage => {
    const tokens = part.at("tokens");
    const counts = tokens.everyCount();
    const unknown = counts.find(([kind]) => !kinds.has(kind));
    if (unknown) throw unreadable(`${tokens.pointer}/${unknown[0]}`, "is no kind of token");
    return { tokens: Object.fromEntries(counts), units: Object.fromEntries(part.at("units").everyCount()) };
  };
  const terms = usage.at("terms");
  const word = (name: keyof UsageTerms): UsageTerms => {
    const value = terms.word(name);
    return value === undefined ? {} : { [name]: value };
  };
  const whole = read(usage);
  const requests = usage.list("requests").map((part) => ({ ...read(part), model: part.word("model") }));
  const sum = [sumCounts(requests.map(({ tokens }) => tokens)), sumCounts(requests.map(({ units }) => units))];
  if (requests.length > 0 && !isSame(sum, [whole.tokens, whole.units])) {
    throw unreadable(`${usage.pointer}/requests`, "count something else than the sums beside them");
  }
  return {
    ...whole,
    ...(requests.length > 0 && { requests }),
    terms: { ...readTerms(usage), ...word("tier"), ...word("speed"), ...word("region") },
  };
}

function isSame(left: readonly Counts[], right: readonly Counts[]): boolean {
  return left.every((counts, at) => {
    const others = right[at] ?? {};
    const names = [...Object.keys(counts), ...Object.keys(others)];
    return names.every((name) => (counts[name] ?? 0) === (others[name] ?? 0));
  });
}
