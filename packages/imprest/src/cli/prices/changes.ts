import type { ModelPrices } from "@imprest/llm";

/** What two entries of a price table differ in, a line each: `input 1.25 → 1.00`. Where they come from is no difference. */
export function changesOf(before: ModelPrices, after: ModelPrices): readonly string[] {
  const [was, is] = [pricesOf(before), pricesOf(after)];
  const names = [...new Set([...was.keys(), ...is.keys()])];
  return names.flatMap((name) => {
    const [left, right] = [was.get(name), is.get(name)];
    return left === right ? [] : [`${name} ${left ?? "(none)"} → ${right ?? "(none)"}`];
  });
}

function pricesOf(prices: ModelPrices): ReadonlyMap<string, string> {
  return new Map(Object.entries(prices).flatMap(([name, value]) => (name === "source" ? [] : leaves(value, name))));
}

function leaves(value: unknown, name: string): readonly (readonly [name: string, text: string])[] {
  if (typeof value === "string" || typeof value === "number") return [[name, String(value)]];
  if (Array.isArray(value)) return value.flatMap((inner: object) => leavesAbove(inner, name));
  return Object.entries(value ?? {}).flatMap(([member, inner]) => leaves(inner, `${name} ${member}`));
}

/** Prices of longer prompts go by their threshold, wherever they stand in the list. */
function leavesAbove(entry: object, name: string): readonly (readonly [name: string, text: string])[] {
  const { promptTokens, ...prices } = { promptTokens: 0, ...entry };
  return leaves(prices, `${name} ${promptTokens}`);
}
