/** A number of JSON as plain decimal text, every digit kept: `4.1e-7` is "0.00000041". `undefined` for what is none. */
export function plainDecimal(value: unknown): string | undefined {
  const text = typeof value === "number" ? String(value) : value;
  const match = typeof text === "string" ? /^(\d+)(?:\.(\d+))?(?:e([+-]\d{1,2}))?$/i.exec(text) : null;
  if (match === null) return undefined;
  const [, whole = "", fraction = "", exponent = "0"] = match;
  const point = whole.length + Number(exponent);
  const digits = `${"0".repeat(Math.max(0, 1 - point))}${whole}${fraction}`;
  const at = Math.max(1, point);
  const padded = digits.padEnd(at, "0");
  return padded.length > at ? `${padded.slice(0, at)}.${padded.slice(at)}` : padded;
}
