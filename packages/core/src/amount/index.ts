export {
  type Amount,
  Unit,
  addAmounts,
  amount,
  assertAmount,
  compareAmounts,
  credits,
  formatAmount,
  parseAmount,
  riskPoints,
  subtractAmounts,
  tokens,
  usd,
  usdMicrocents,
} from "./amount.ts";
export { divideRoundingUp, formatDecimal, parseDecimal } from "./decimal.ts";
export { int64Max, int64Min, isInt64 } from "./int64.ts";
