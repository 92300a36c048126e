/** Causes nest a few deep at most; a longer chain is cut. */
const deepest = 4;

/**
 * What a transport's error says, without what it holds: a parser's error carries the bytes of the answer, and those may
 * repeat the credential that was sent. Name, code and message are kept, and those of its causes.
 */
export function plainCause(error: unknown, depth = 0): Error | undefined {
  if (!(error instanceof Error) || depth >= deepest) return undefined;
  const cause = plainCause(error.cause, depth + 1);
  const plain = new Error(error.message, cause && { cause });
  const { code } = error as { readonly code?: unknown };
  const members = { name: error.name, ...(typeof code === "string" && { code }) };
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(plain, name, { value, configurable: true });
  return plain;
}
