const pattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

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
  const match = pattern.exec(value);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", zone = "Z"] = match;
  const [monthNumber, dayNumber] = [Number(month), Number(day)];
  const isReal =
    year !== "0000" &&
    monthNumber >= 1 &&
    monthNumber <= 12 &&
    dayNumber >= 1 &&
    dayNumber <= daysIn(Number(year), monthNumber) &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    Number(second) <= 59;
  const offset = zone === "Z" ? 0 : offsetMs(zone);
  if (!isReal || offset === undefined) return undefined;
  const milliseconds = fraction === "" ? 0 : Number(fraction.slice(0, 3).padEnd(3, "0"));
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, so they are counted 400 years on, a whole cycle of leap years.
  const cycles = Number(year) < 100 ? 1 : 0;
  const atUtc = Date.UTC(
    Number(year) + 400 * cycles,
    monthNumber - 1,
    dayNumber,
    Number(hour),
    Number(minute),
    Number(second),
    milliseconds,
  );
  return atUtc - cycles * cycleMs - offset;
}

const cycleMs = 146_097 * 86_400_000;

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2) return isLeap ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function offsetMs(zone: string): number | undefined {
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
