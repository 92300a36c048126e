/** One request as it reached the provider. */
export interface Reached {
  readonly url: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
  readonly signal: AbortSignal | undefined;
}

export interface Provider {
  readonly fetch: typeof fetch;
  readonly reached: Reached[];
}

/** A provider in the process: answers with what `answer` returns, and keeps what reached it. */
export function provider(answer: (reached: Reached) => Response | Promise<Response>): Provider {
  const reached: Reached[] = [];
  return {
    reached,
    async fetch(input, init) {
      const request = new Request(input, { ...init, signal: null });
      const bytes = new Uint8Array(await request.arrayBuffer());
      const text = new TextDecoder().decode(bytes);
      const one: Reached = {
        url: request.url,
        headers: request.headers,
        text,
        body: text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {},
        signal: init?.signal ?? undefined,
      };
      reached.push(one);
      return answer(one);
    },
  };
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

/** A part of an answer after which nothing comes. */
export const forever: unique symbol = Symbol("forever");

/** An answer in events; a number waits so many milliseconds, an Error breaks off, `forever` never ends. */
export function events(...parts: readonly (string | number | Error | typeof forever)[]): Response {
  const encoder = new TextEncoder();
  let at = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const part = parts[at++];
        if (part === undefined) return controller.close();
        if (part instanceof Error) return controller.error(part);
        if (part === forever) return new Promise(() => {});
        if (typeof part === "number") await new Promise((resolve) => setTimeout(resolve, part));
        else controller.enqueue(encoder.encode(part));
        if (typeof part === "number") controller.enqueue(new Uint8Array());
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

export const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
export const named = (value: { readonly type: string; readonly [member: string]: unknown }): string =>
  `event: ${value.type}\n${data(value)}`;

/** A POST of JSON as an SDK sends it. */
export function post(body: unknown, init: RequestInit = {}): RequestInit {
  return {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
    headers: { "content-type": "application/json", ...(init.headers as Record<string, string> | undefined) },
  };
}
