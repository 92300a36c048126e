import { type RequestHead, type WireRequest, type WireResponse, isSmallBody } from "./wire.ts";

/** Whatever answers requests. */
export interface Wire {
  readonly maxBodyBytes: number;
  /** Whether a key comes with a request that the authority knows. */
  knowsCaller(request: RequestHead): boolean;
  /** Never rejects. */
  answer(request: WireRequest): Promise<WireResponse>;
}

/** A web-standard handler over the wire: for Workers, Deno, Bun, and tests without a socket. Never rejects. */
export function fetchHandler(wire: Wire): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    const head: RequestHead = {
      method: request.method,
      target: pathname + search,
      header: (name) => request.headers.get(name) ?? undefined,
    };
    const isRead = request.body === null || isSmallBody(head) || wire.knowsCaller(head);
    const { body, complete } = isRead ? await readLimited(request, wire.maxBodyBytes) : unread;
    const answer = await wire.answer({ ...head, body });
    // What was left unread would be taken for the next request on the connection.
    const headers = complete ? answer.headers : { ...answer.headers, Connection: "close" };
    return new Response(request.method === "HEAD" ? null : answer.body, { status: answer.status, headers });
  };
}

/** What is made of a body that nobody known sends: the answer does not depend on it. */
const unread = { body: new Uint8Array(), complete: false } as const;

/** Reads no more than one byte beyond the limit: enough for the wire to refuse, and no memory for an attacker. */
async function readLimited(
  request: Request,
  maxBytes: number,
): Promise<{ readonly body: Uint8Array; readonly complete: boolean }> {
  const chunks: Uint8Array[] = [];
  let left = maxBytes + 1;
  const reader = request.body?.getReader();
  try {
    for (;;) {
      const next = await reader?.read();
      if (next === undefined || next.done) return { body: joinBytes(chunks), complete: true };
      const chunk = next.value.subarray(0, left);
      chunks.push(chunk);
      left -= chunk.length;
      if (left > 0) continue;
      await reader?.cancel();
      return { body: joinBytes(chunks), complete: false };
    }
  } catch {
    // The sender broke off: what came is no JSON, and the wire says so to whoever still listens.
    return { body: joinBytes(chunks), complete: false };
  }
}

function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
