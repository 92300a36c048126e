import { crc32 } from "node:zlib";

/** One change as the log holds it: a record's new value, or its end. The value is JSON text. */
export type Change =
  | { readonly key: string; readonly version: string; readonly value: string }
  | { readonly key: string; readonly version: undefined };

/** A line of the log: a checksum of what follows, so that damage anywhere in it is noticed. */
export function writeLine(change: Change): string {
  const key = JSON.stringify(change.key);
  const members = change.version === undefined ? key : `${key},${JSON.stringify(change.version)},${change.value}`;
  const text = `[${members}]`;
  return `${checksum(text)} ${text}\n`;
}

/** @returns the change, or `undefined` for a line that is not as it was written. */
export function readLine(line: string): Change | undefined {
  const text = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(text)) return undefined;
  try {
    const [key, version, value] = JSON.parse(text) as [string, string?, unknown?];
    return version === undefined ? { key, version } : { key, version, value: JSON.stringify(value) };
  } catch {
    return undefined;
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
