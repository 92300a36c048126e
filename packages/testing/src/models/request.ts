import { type Members, isMembers } from "./wires/wire.ts";

/** A request as it came. */
export interface ArrivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Without the secrets among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly bytes: number;
  /** `undefined` for what is no JSON object and no form. */
  readonly body: Members | undefined;
  readonly isTooLong: boolean;
}

/** Longer bodies are refused: the longest prompt of any model is shorter. */
const mostBytes = 64 * 1_048_576;

const secrets = /^(?:authorization|cookie|api-key|x-api-key|x-goog-api-key)$/;

export async function readRequest(request: Request): Promise<ArrivedRequest> {
  const url = new URL(request.url);
  const headers = Object.fromEntries([...request.headers].filter(([name]) => !secrets.test(name)));
  const head = { method: request.method, path: url.pathname, query: url.searchParams, headers };
  const bytes = await readBody(request);
  if (bytes === undefined) return { ...head, text: "", bytes: mostBytes, body: undefined, isTooLong: true };
  const type = request.headers.get("content-type") ?? "";
  const came = { ...head, bytes: bytes.length, isTooLong: false };
  if (/^multipart\/form-data/i.test(type)) {
    const body = await formOf(bytes, type);
    return { ...came, text: JSON.stringify(body ?? {}), body };
  }
  const text = new TextDecoder().decode(bytes);
  return { ...came, text, body: parsed(text) };
}

/** `undefined` for a body that is too long. */
async function readBody({ body }: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const reader = body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return new Uint8Array(await new Blob(chunks).arrayBuffer());
    length += value.length;
    if (length > mostBytes) {
      await reader?.cancel();
      return undefined;
    }
    chunks.push(value);
  }
}

/** The fields of a form that are text. */
async function formOf(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<Members | undefined> {
  try {
    const form = await new Response(bytes, { headers: { "content-type": type } }).formData();
    return Object.fromEntries([...form].filter(([, value]) => typeof value === "string"));
  } catch {
    return undefined;
  }
}

function parsed(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
