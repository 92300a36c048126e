/** The text of a body in UTF-8; `undefined` for one of more than `maxBytes`, whose rest is cancelled. */
export async function readText(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string | undefined> {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let left = maxBytes;
  for (;;) {
    const value = (await reader?.read())?.value;
    if (value === undefined) return text + decoder.decode();
    left -= value.byteLength;
    if (left < 0) {
      // Not waited for: of a stream that was split in two, it ends with the other half.
      reader?.cancel().catch(() => {});
      return undefined;
    }
    text += decoder.decode(value, { stream: true });
  }
}
