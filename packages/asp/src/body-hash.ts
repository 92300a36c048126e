import { utf8, writeWire } from "@imprest/core/internal";
import { type CommitRequest, commitRequest } from "@imprest/core/models/asp";

/** An empty field is an absent one, so a body with this place is a whole request already. */
const place = ',"requestBodyHash":""}';

/** A commit in its JCS form, with a place for its hash where one is wanted. */
export function freezeCommit(request: CommitRequest, hashed: boolean): string {
  const { requestBodyHash: _, ...rest } = request;
  const text = inOrder(writeWire(commitRequest, rest, "ASP message"));
  return hashed ? `${text.slice(0, -1)}${place}` : text;
}

/**
 * JCS of what the codec wrote: plain JSON of well-formed text and finite numbers, where only the order of members is
 * left to do. The checks of `@imprest/core/audit` would be made twice, and cost a browser more than the hash.
 */
function inOrder(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inOrder).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${inOrder(member)}`).join(",")}}`;
}

/**
 * The bytes to send: the frozen commit with the hash in its place, the same for the same body always. The hash is
 * SHA-256 over the JCS form of the request without this field (ASP §4 names neither).
 */
export async function sealCommit(frozen: string): Promise<string> {
  if (!frozen.endsWith(place)) return frozen;
  const bare = `${frozen.slice(0, -place.length)}}`;
  const digest = await crypto.subtle.digest("SHA-256", utf8(bare) as Uint8Array<ArrayBuffer>);
  return `${bare.slice(0, -1)},"requestBodyHash":"${btoa(String.fromCharCode(...new Uint8Array(digest)))}"}`;
}

/** A commit as it is sent, with its hash. */
export function withBodyHash(request: CommitRequest): Promise<string> {
  return sealCommit(freezeCommit(request, true));
}
