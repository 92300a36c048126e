// A key may be any string, and databases keep UTF-8 text: without zero bytes, and without a form for lone surrogates.
const unfit = /[\0%]|[\ud800-\udfff]/gu;
const escaped = /%([0-9a-f]{4})/g;

/** A record key as text that any database keeps: one text for each key, and a prefix of a key stays a prefix. */
export function encodeRecordKey(key: string): string {
  return key.replace(unfit, (character) => `%${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The key that `encodeRecordKey` wrote. */
export function decodeRecordKey(text: string): string {
  return text.replace(escaped, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
