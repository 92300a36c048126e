const pattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Epoch milliseconds of an RFC 3339 timestamp as proto3 JSON writes them: up to nine fractional digits, any offset, no
 * leap second, years 1 to 9999. Digits below a millisecond are cut, so keep the text where they matter.
 * @returns `undefined` for anything else, a 30 February included.
 */
export function parseTimestamp(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  // An event names one instant several times, and several readers ask for it.
  if (last.text !== value) last = { text: value, atMs: readTimestamp(value) };
  return last.atMs;
}

let last: { readonly text: string; readonly atMs: number | undefined } = { text: "", atMs: undefined };

function readTimestamp(value: string): number | undefined {
  if (!pattern.test(value)) return undefined;
  // The pattern fixes where each field stands up to the seconds.
  const year = digits(value, 0, 4);
  const month = digits(value, 5, 7);
  const day = digits(value, 8, 10);
  const [hour, minute, second] = [digits(value, 11, 13), digits(value, 14, 16), digits(value, 17, 19)];
  const isDate = year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  const zoneAt = value.endsWith("Z") ? value.length - 1 : value.length - 6;
  const offset = offsetMs(value, zoneAt);
  if (!isDate || hour > 23 || minute > 59 || second > 59 || offset === undefined) return undefined;
  const milliseconds = zoneAt === 19 ? 0 : Number(value.slice(20, Math.min(zoneAt, 23)).padEnd(3, "0"));
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, so they are counted 400 years on, a whole cycle of leap years.
  const cycles = year < 100 ? 1 : 0;
  const atUtc = Date.UTC(year + 400 * cycles, month - 1, day, hour, minute, second, milliseconds);
  return atUtc - cycles * cycleMs - offset;
}

/** The number that the decimal digits from `from` to before `to` write. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) value = value * 10 + text.charCodeAt(at) - 0x30;
  return value;
}

const cycleMs = 146_097 * 86_400_000;

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2) return isLeap ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** @returns `undefined` for an offset that no clock has. */
function offsetMs(text: string, at: number): number | undefined {
  if (at === text.length - 1) return 0;
  const hours = digits(text, at + 1, at + 3);
  const minutes = digits(text, at + 4, at + 6);
  if (hours > 23 || minutes > 59) return undefined;
  return (text[at] === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
