import { formatAmount } from "@imprest/core";
import { isAmount } from "imprest/internal";
import { grouped, shortened, visible } from "./text.ts";

/**
 * An amount as JSON carries it, exact: `"$0.50"`, `"$12,345.678"`, `"1,200 TOKENS"`. Text that is no amount is shown as it
 * is: the page reports what it reads.
 */
export function moneyText(amount: string, unit: string): string {
  if (!isAmount(amount)) return shortened(visible(`${amount} ${unit}`), 24);
  const text = formatAmount({ unit: shortened(visible(unit), 20), amount: BigInt(amount) });
  // Dollars have cents, as people write them.
  const [, whole = "", cents] = /^(-?\$\d+)(?:\.(\d))?$/.exec(text) ?? [];
  const full = whole === "" ? text : `${whole}.${(cents ?? "").padEnd(2, "0")}`;
  return full.replace(/\d+/, grouped);
}

/** A sentence of an authority that has dollars as microcents in it, with them as dollars. */
export function withDollars(sentence: string): string {
  return sentence.replace(/(?<![\w-])\d{1,19} USD_MICROCENTS\b/g, (text) =>
    moneyText(text.split(" ")[0] ?? "", "USD_MICROCENTS"),
  );
}

/** How much of `whole` a part is, from 0 to 1: for the width of a bar, never for a figure. */
export function share(part: string, whole: string): number {
  if (!isAmount(part) || !isAmount(whole) || BigInt(whole) <= 0n) return 0;
  const permyriad = (BigInt(part) * 10_000n) / BigInt(whole);
  return Math.min(1, Math.max(0, Number(permyriad) / 10_000));
}
