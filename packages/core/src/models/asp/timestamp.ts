const pattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Epoch milliseconds of an RFC 3339 timestamp as proto3 JSON writes them: up to nine fractional digits, any offset, no
 * leap second, years 1 to 9999. Digits below a millisecond are cut, so keep the text where they matter.
 * @returns `undefined` for anything else, a 30 February included.
 */
export function parseTimestamp(value: unknown): number | undefined {
  const match = typeof value === "string" ? pattern.exec(value) : null;
  if (match === null) return undefined;
  const [, year = "", month, day, hour, minute, second, fraction = "", zone = "Z"] = match;
  const milliseconds = fraction.slice(0, 3).padEnd(3, "0");
  const atUtc = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}Z`);
  // Date.parse takes 24:00:00, and some engines roll a day that does not exist into the next month.
  const isReal =
    !Number.isNaN(atUtc) && year !== "0000" && hour !== "24" && new Date(atUtc).getUTCDate() === Number(day);
  const offset = zone === "Z" ? 0 : offsetMs(zone);
  return isReal && offset !== undefined ? atUtc - offset : undefined;
}

function offsetMs(zone: string): number | undefined {
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
