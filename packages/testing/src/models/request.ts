import type { Members } from "./wires/wire.ts";
import { isMembers } from "./wires/wire.ts";

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
  if (/^multipart\/form-data/i.test(request.headers.get("content-type") ?? "")) {
    const body = Object.fromEntries([...(await request.formData())].filter(([, value]) => typeof value === "string"));
    const text = JSON.stringify(body);
    return { ...head, text, bytes: text.length, body, isTooLong: false };
  }
  const text = await request.text();
  const isTooLong = text.length > mostBytes;
  return { ...head, text, bytes: text.length, body: isTooLong ? undefined : parsed(text), isTooLong };
}

function parsed(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
