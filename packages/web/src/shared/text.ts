/** Controls, marks that change a text's direction, and what else has no shape of its own. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/**
 * Another party's words with each invisible character written out, such as `\u202e`: what is shown is what is there.
 * @example
 * visible("refund\u202Etxt.exe"); // "refund\\u202etxt.exe"
 */
export function visible(text: string): string {
  return text.replace(invisible, (mark) => `\\u${(mark.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
}

/** At most `most` characters, the last of them an ellipsis where there were more. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  // A pair of surrogates is not parted.
  const cut = text.slice(0, most - 1);
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/** `1 line`, `2 lines`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(String(count))} ${count === 1 ? one : many}`;
}

/** Digits in groups of three: `"1234567"` → `"1,234,567"`. */
export function grouped(digits: string): string {
  return digits.replace(/\d(?=(?:\d{3})+$)/g, "$&,");
}
