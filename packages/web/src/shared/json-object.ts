export type JsonObject = Readonly<Record<string, unknown>>;

/** The object that a text is as JSON; `undefined` for any other value, and for what is no JSON. */
export function readObject(text: string, parse: (text: string) => unknown = JSON.parse): JsonObject | undefined {
  try {
    return asObject(parse(text));
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
