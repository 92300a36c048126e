import { type Amount, usdMicrocents } from "@imprest/core";
import { divideRoundingUp, formatDecimal, parseDecimal } from "@imprest/core/internal";
import { plainDecimal } from "./decimal-text.ts";
import { isBag, unreadable } from "./members.ts";

/** xAI counts ten-billionths of a dollar. */
const ticksScale = 10;

/**
 * The provider's own cost in dollars: OpenRouter's `cost`, Perplexity's `cost.total_cost`, DeepInfra's `estimated_cost`, xAI's
 * ticks; also within `raw` of the AI SDK. @throws ValidationError for a cost that is no amount.
 */
export function statedCost(usage: unknown, pointer = "/usage", levels = 5): string | undefined {
  if (!isBag(usage) || levels === 0) return undefined;
  const { cost, cost_details: details } = usage;
  const ticks = given(usage["cost_in_usd_ticks"]);
  if (ticks !== undefined) {
    return formatDecimal(scaled(decimalText(ticks, `${pointer}/cost_in_usd_ticks`), 0), ticksScale);
  }
  if (isBag(cost)) {
    const total = given(cost["total_cost"]);
    return total === undefined ? undefined : decimalText(total, `${pointer}/cost/total_cost`);
  }
  const stated = given(usage["statedCost"]) ?? given(cost) ?? given(usage["estimated_cost"]);
  if (stated === undefined) return statedCost(usage["raw"], `${pointer}/raw`, levels - 1);
  const text = decimalText(stated, `${pointer}/cost`);
  const upstream = isBag(details) ? given(details["upstream_inference_cost"]) : undefined;
  // With a key of one's own, `cost` is OpenRouter's fee, and the provider charges beside it.
  if (usage["is_byok"] !== true || upstream === undefined) return text;
  return add(text, decimalText(upstream, `${pointer}/cost_details/upstream_inference_cost`));
}

const sumScale = 40;

function add(left: string, right: string): string {
  return formatDecimal(scaled(left, sumScale) + scaled(right, sumScale), sumScale);
}

function scaled(text: string, scale: number): bigint {
  const parsed = parseDecimal(text, scale);
  if (typeof parsed === "bigint") return parsed;
  throw unreadable("/usage/cost", "is no plain decimal");
}

function given(value: unknown): unknown {
  return value ?? undefined;
}

/** In microcents, rounded up. */
export function statedAmount(text: string): Amount {
  return usdMicrocents(divideRoundingUp(scaled(text, sumScale), 10n ** BigInt(sumScale - 8)));
}

function decimalText(value: unknown, pointer: string): string {
  const text = plainDecimal(value);
  if (text === undefined) throw unreadable(pointer, "is no amount of money");
  return text;
}
