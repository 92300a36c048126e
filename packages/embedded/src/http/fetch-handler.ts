import type { WireRequest, WireResponse } from "./wire.ts";

/** Whatever answers requests. */
export interface Wire {
  readonly maxBodyBytes: number;
  /** Never rejects. */
  answer(request: WireRequest): Promise<WireResponse>;
}

/** A web-standard handler over the wire: for Workers, Deno, Bun, and tests without a socket. Never rejects. */
export function fetchHandler(wire: Wire): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    const { body, complete } = await readLimited(request, wire.maxBodyBytes);
    const wireRequest: WireRequest = {
      method: request.method,
      target: pathname + search,
      header: (name) => request.headers.get(name) ?? undefined,
      body,
    };
    const answer = await wire.answer(wireRequest);
    // What was left unread would be taken for the next request on the connection.
    const headers = complete ? answer.headers : { ...answer.headers, Connection: "close" };
    return new Response(request.method === "HEAD" ? null : answer.body, { status: answer.status, headers });
  };
}

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
