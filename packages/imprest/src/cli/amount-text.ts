import { type Amount, parseAmount } from "@imprest/core";
import { formatDecimal } from "@imprest/core/internal";
import { UsageError } from "./command.ts";

/** As `parseAmount`. @throws UsageError naming `where`. */
export function readAmount(text: string, where: string): Amount {
  try {
    return parseAmount(text);
  } catch (error) {
    throw new UsageError(`${where}: ${error instanceof Error ? error.message : "no amount"}`, { cause: error });
  }
}

/** The other way round: microcents as dollars, other units as they are. */
export function writeAmount({ unit, amount: value }: Amount): string {
  return unit === "USD_MICROCENTS" ? `USD:${formatDecimal(value, 8)}` : `${unit}:${value}`;
}
