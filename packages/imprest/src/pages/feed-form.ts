/** Says what a file is instead of one statement a line, and what to do; `undefined` where its first bytes show nothing. */
export function wrongFormSentence(name: string, first: Uint8Array): string | undefined {
  const isMarked = (first[0] === 0xff && first[1] === 0xfe) || (first[0] === 0xfe && first[1] === 0xff);
  if (isMarked || first[0] === 0 || first[1] === 0) {
    return `${name} is UTF-16; events are UTF-8: iconv -f UTF-16 -t UTF-8.`;
  }
  const text = new TextDecoder().decode(first).trimStart();
  return text.startsWith("[") ? `${name} is a JSON array; one event a line is read: jq -c '.[]'.` : undefined;
}

/** Whether a file begins as gzip does (RFC 1952 §2.3.1). */
export function isGzip(first: Uint8Array): boolean {
  return first[0] === 0x1f && first[1] === 0x8b;
}
