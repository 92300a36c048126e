import { type Amount, type Metrics, addAmounts, compareAmounts } from "@imprest/core";
import { answersAsked } from "../usage/answers-asked.ts";
import { unstatedUnits } from "../usage/stated-units.ts";
import type { PriceTable } from "../prices/price-table.ts";
import { otherModels } from "./other-models.ts";
import type { Seen } from "./answer.ts";
import { withLimit } from "./caps.ts";
import { mayHideReasoning } from "./reasoning.ts";
import { type Bag, type Wire, isBag, text } from "./wires/wire.ts";

/** What the guard asks of a price table. */
export type GuardPrices = Pick<PriceTable, "has" | "price" | "estimateRequest">;

/** What a provider has counted of a request: so many of its messages, with what stands before them. */
export interface CountedPrefix {
  readonly messages: number;
  readonly inputTokens: number;
}

/** What a `PrefixMap` of `createPrefixMap` is to the guard. */
export interface CountedPrefixes {
  /** The longest counted request that `request` continues. */
  find(target: string, request: unknown): Promise<CountedPrefix | undefined>;
  /** Keeps what the provider counted for `request`. */
  remember(target: string, request: unknown, usage: unknown): Promise<void>;
}

/** How the guard bounds a request. */
export interface BoundOptions {
  readonly tokens?: ((text: string) => number) | undefined;
  readonly extraInputTokens?: number | undefined;
  readonly extraUnits?: Readonly<Record<string, number>> | undefined;
  readonly calledUnits?: Readonly<Record<string, number>> | undefined;
  readonly prefix?: CountedPrefix | undefined;
}

/** One call, and what prices it. */
export interface PricedCall {
  readonly prices: GuardPrices;
  readonly wire: Wire;
  readonly model: string;
  /** The models that may answer instead. */
  readonly others: readonly string[];
  readonly body: Bag;
  readonly bounds: BoundOptions;
  readonly hidesReasoning: ((model: string) => boolean) | undefined;
}

/** Members of usage objects that count the prompt and the answer, by wire. */
const counts = [
  ["input_tokens", "output_tokens"],
  ["prompt_tokens", "completion_tokens"],
  ["promptTokenCount", "candidatesTokenCount"],
  ["inputTokens", "outputTokens"],
] as const;
/** What says more of the answer, or sums it up. */
const ofOutput = /^(?:total_tokens|totalTokenCount|(?:output|completion)_tokens_details|candidatesTokensDetails)$/;

/** The most a request can cost, whichever model answers. @throws ValidationError saying what does not bound it. */
export function estimateOf(call: PricedCall): Amount {
  const { prices, wire, model, others, body, bounds } = call;
  const dearest = (part: Bag, models: readonly string[]): Amount =>
    models
      .map((name) => prices.estimateRequest(name, part, bounds))
      .reduce((most, cost) => greatest(most, cost) ?? cost);
  const parts = wire.parts?.(body) ?? [];
  if (parts.length > 0) {
    // A batch may mix models.
    const costs = parts.map((part) => dearest(part, [text(part, "model") ?? model, ...otherModels(part), ...others]));
    return costs.reduce((sum, cost) => addAmounts(sum, cost));
  }
  const units = wire.units?.(body);
  if (units === undefined) return dearest(body, [model, ...others]);
  const byUnit = tried(() => dearestPrice(call, { units }));
  // Charged by the piece, and this piece has no price: its tokens bound nothing.
  const isByPiece = tried(() => dearestPrice(call, { units: { image: 1 } })) !== undefined;
  if (byUnit === undefined && isByPiece) return dearestPrice(call, { units });
  const byTokens = tried(() => dearest(body, [model, ...others]));
  return greatest(byUnit, byTokens) ?? dearest(body, [model, ...others]);
}

/**
 * What a usage costs, by the model that was asked for or that answered, whichever is dearer. Where the request named several,
 * by the one that answered, or by the dearest where the answer names none.
 * @throws ValidationError naming what has no price.
 */
export function costOf(call: PricedCall, seen: Seen, stated: unknown = seen.usage): Amount {
  const { prices, wire, model, others, body } = call;
  const units = stated === undefined ? wire.units?.(body, seen.whole) : undefined;
  const usage = units ? { units } : stated;
  // What has ended states what it charged for calls of tools, where its wire states that at all.
  const counted = seen.isDone ? unstatedUnits(seen.units, stated) : seen.units;
  const priced = (name: string): Amount => prices.price(name, usage, counted);
  if (others.length > 0) return seen.model === undefined ? dearestOf(call, priced) : priced(seen.model);
  const cost = priced(model);
  const { model: other = model } = seen;
  const another = other === model || !prices.has(other) ? undefined : tried(() => priced(other));
  return greatest(cost, another) ?? cost;
}

/** A usage at the price of the dearest model that may answer. @throws ValidationError as `price`. */
function dearestPrice(call: PricedCall, usage: unknown): Amount {
  return dearestOf(call, (name) => call.prices.price(name, usage));
}

function dearestOf({ model, others }: PricedCall, priced: (model: string) => Amount): Amount {
  return [model, ...others].map(priced).reduce((most, cost) => greatest(most, cost) ?? cost);
}

/** The least that was spent by what was stated so far: where a part of it has no price, by its counts of text alone. */
export function leastOf(call: PricedCall, seen: Seen): Amount | undefined {
  const { inputTokens: input = 0, outputTokens: output = 0 } = usageMetrics(seen.usage);
  const tokens = { input, output };
  return (
    tried(() => costOf(call, seen)) ??
    tried(() => dearestPrice(call, { tokens, units: seen.units })) ??
    tried(() => dearestPrice(call, { tokens }))
  );
}

/**
 * The most that can have been spent for what was seen of an answer: its prompt, as counted by the provider or bounded, a
 * token for every byte of its text, and the calls of tools that it shows; the estimate where the model may have thought unseen.
 */
export function seenCost(call: PricedCall, seen: Seen, estimate: Amount): Amount {
  const { wire, model, others, body, prices, bounds, hidesReasoning } = call;
  const hides = hidesReasoning?.(model) ?? mayHideReasoning(model, body);
  // Another model may have answered, whose tokens and price are its own.
  if (hides || others.length > 0 || wire.limitAt === undefined) return estimate;
  const { units } = seen;
  const isHidden = wire.hidesCalls?.(body) === true;
  // What a tool has read is counted at the end alone, the first event's count lacks it.
  const counted = isHidden || Object.keys(units).length > 0 ? undefined : withOutput(seen);
  const limits = isHidden ? bounds : { ...bounds, calledUnits: units };
  const share = Math.ceil(seen.tokens / answersAsked(body));
  const cost =
    (counted && tried(() => costOf(call, seen, counted))) ??
    tried(() => prices.estimateRequest(model, withLimit(wire, body, share), limits));
  return cost === undefined || compareAmounts(cost, estimate) > 0 ? estimate : cost;
}

export function greatest(...amounts: readonly (Amount | undefined)[]): Amount | undefined {
  const given = amounts.filter((amount) => amount !== undefined);
  return given.reduce<Amount | undefined>(
    (most, amount) => (most === undefined || compareAmounts(amount, most) > 0 ? amount : most),
    undefined,
  );
}

/** The usage so far with what was seen as its output; `undefined` where no prompt was counted. */
function withOutput({ usage, tokens }: Seen): Bag | undefined {
  if (!isBag(usage)) return undefined;
  const [, output] = counts.find(([input]) => typeof usage[input] === "number") ?? [];
  if (output === undefined) return undefined;
  const before = usage[output];
  const kept = Object.entries(usage).filter(([name]) => !ofOutput.test(name));
  return { ...Object.fromEntries(kept), [output]: Math.max(tokens, typeof before === "number" ? before : 0) };
}

function tried(price: () => Amount): Amount | undefined {
  try {
    return price();
  } catch {
    return undefined;
  }
}

/** The counts of a usage object as they stand there, for the books beside the amount. */
export function usageMetrics(usage: unknown): Metrics {
  if (!isBag(usage)) return {};
  const [input, output] = counts.find(([name]) => usage[name] !== undefined) ?? [];
  return { inputTokens: countIn(usage, input), outputTokens: countIn(usage, output) };
}

function countIn(usage: Bag, name: string | undefined): number | undefined {
  const stated = name === undefined ? undefined : usage[name];
  const count = isBag(stated) ? stated["total"] : stated;
  return Number.isSafeInteger(count) ? (count as number) : undefined;
}
