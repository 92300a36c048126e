import { readObject } from "../shared/json-object.ts";

/** What a dropped file is for. */
export type Dropped =
  | { readonly kind: "feed"; readonly file: File }
  | { readonly kind: "keys"; readonly name: string; readonly text: string }
  | { readonly kind: "promised"; readonly name: string; readonly text: string };

/** A key set or a day's promises are smaller; a longer file is a feed. */
const mostBytes = 4_194_304;

/** Finds out by what is in the file whether it holds keys, promised events or a feed; its name says nothing. */
export async function dropped(file: File): Promise<Dropped> {
  if (file.size > mostBytes) return { kind: "feed", file };
  const text = await file.text();
  const whole = readObject(text);
  if (whole !== undefined && (Array.isArray(whole["keys"]) || typeof whole["kty"] === "string")) {
    return { kind: "keys", name: file.name, text };
  }
  const first = readObject(text.slice(0, text.indexOf("\n") + 1 || undefined));
  const isPromise = typeof first?.["verb"] === "string" && typeof first["signature"] === "string";
  return isPromise ? { kind: "promised", name: file.name, text } : { kind: "feed", file };
}
