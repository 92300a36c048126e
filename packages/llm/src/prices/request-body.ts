import { partsOf } from "../usage/answers-asked.ts";
import { isBag, unreadable } from "../usage/members.ts";

/** A request to a model, as the wire has it. */
export type RequestBody = Readonly<Record<string, unknown>>;

/** Deeper than any provider takes a tool's schema, and far from what a walk of it could not bear. */
const deepest = 200;

/** A request as the object that is sent, as its JSON, or a prompt alone. @throws ValidationError for what is neither. */
export function bodyOf(request: unknown): { readonly text: string; readonly body: RequestBody } {
  const read = readBody(request);
  if (read !== undefined && isWithin(read.body, deepest)) return read;
  throw unreadable("/request", "is no request body; give the object or its JSON");
}

function readBody(request: unknown): { readonly text: string; readonly body: RequestBody } | undefined {
  try {
    if (typeof request === "string") {
      const parsed: unknown = /^\s*\{/.test(request) ? JSON.parse(request) : undefined;
      return { text: request, body: isBag(parsed) ? parsed : { prompt: request } };
    }
    if (isBag(request) && [Object.prototype, null].includes(Object.getPrototypeOf(request) as null)) {
      return { text: JSON.stringify(request), body: request };
    }
  } catch {
    // No JSON, or what JSON cannot hold.
  }
  return undefined;
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithin(inner, levels - 1));
}

/** The list that grows from turn to turn, by the wires' names: chat and Anthropic, responses, Gemini. */
export function conversationOf(body: RequestBody): { readonly name: string; readonly messages: readonly unknown[] } {
  for (const name of ["messages", "input", "contents"]) {
    const messages: unknown = body[name];
    if (Array.isArray(messages)) return { name, messages };
  }
  return { name: "", messages: [] };
}

export function toolsOf(body: RequestBody): readonly unknown[] {
  return partsOf(body).flatMap(({ tools }): readonly unknown[] => (Array.isArray(tools) ? tools : []));
}
