/**
 * Whether a JSON text names a member of an object twice: what `JSON.parse` made of it then has fewer members than stand in
 * the text. Readers differ in which of the two they take, so nobody should act on either.
 * @param text that parsed as JSON. @param value what it parsed to.
 */
export function namesMemberTwice(text: string, value: unknown): boolean {
  return membersWritten(text) > membersOf(value);
}

/** Colons outside of strings. */
function membersWritten(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === colon) count += 1;
    else if (code === quote) at = endOfString(text, at);
  }
  return count;
}

const colon = 58;
const quote = 34;
const backslash = 92;

function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    at = text.indexOf('"', at);
    if (at === -1) return text.length;
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
}

function membersOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const entries: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  let count = Array.isArray(value) ? 0 : entries.length;
  for (const entry of entries) count += membersOf(entry);
  return count;
}
