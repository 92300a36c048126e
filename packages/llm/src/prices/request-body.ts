import { isBag, unreadable } from "../usage/members.ts";

/** A request to a model, as the wire has it. */
export type RequestBody = Readonly<Record<string, unknown>>;

/** A request as the object that is sent, as its JSON, or a prompt alone. @throws ValidationError for what is neither. */
export function bodyOf(request: unknown): { readonly text: string; readonly body: RequestBody } {
  try {
    if (typeof request === "string") {
      const parsed: unknown = /^\s*\{/.test(request) ? JSON.parse(request) : undefined;
      return { text: request, body: isBag(parsed) ? parsed : { prompt: request } };
    }
    if (isBag(request) && [Object.prototype, null].includes(Object.getPrototypeOf(request) as null)) {
      return { text: JSON.stringify(request), body: request };
    }
  } catch {
    // No JSON, or what JSON cannot hold: refused below.
  }
  throw unreadable("/request", "is no request body; give the object or its JSON");
}

/** The list that grows from turn to turn, by the wires' names: chat and Anthropic, responses, Gemini. */
export function conversationOf(body: RequestBody): { readonly name: string; readonly messages: readonly unknown[] } {
  for (const name of ["messages", "input", "contents"]) {
    const messages: unknown = body[name];
    if (Array.isArray(messages)) return { name, messages };
  }
  return { name: "", messages: [] };
}

const settings = ["generationConfig", "generation_config", "inferenceConfig", "config", "toolConfig"];

/** The body and the objects within it that hold settings. */
export function partsOf(body: RequestBody): readonly RequestBody[] {
  return [body, ...settings.map((name) => body[name]).filter(isBag)];
}

export function toolsOf(body: RequestBody): readonly unknown[] {
  return partsOf(body).flatMap(({ tools }): readonly unknown[] => (Array.isArray(tools) ? tools : []));
}
