import { type Amount, amount, usd } from "@imprest/core";
import { formatDecimal } from "@imprest/core/internal";
import { UsageError } from "./command.ts";

/** Reads `USD:5.00`, `TOKENS:100000`, `CREDITS:7`, `RISK_POINTS:50`. @throws UsageError naming `where`. */
export function readAmount(text: string, where: string): Amount {
  const [, unit = "", value = ""] = /^([A-Z_]+):(.+)$/.exec(text) ?? [];
  try {
    if (unit === "USD") return usd(value);
    if (unit !== "") return amount(unit, value);
  } catch (error) {
    throw new UsageError(`${where}: ${error instanceof Error ? error.message : "no amount"}`, { cause: error });
  }
  throw new UsageError(`${where}: "${text}" is no amount; write USD:5.00 or TOKENS:100000.`);
}

/** The other way round: microcents as dollars, other units as they are. */
export function writeAmount({ unit, amount: value }: Amount): string {
  return unit === "USD_MICROCENTS" ? `USD:${formatDecimal(value, 8)}` : `${unit}:${value}`;
}
