import { base64url, hex, parseBase64url, utf8 } from "@imprest/core/internal";
import { type JsonObject, type JsonValue, StrictJsonError, parseStrictJson } from "@imprest/core/internal/verify";
import { sha256 } from "@noble/hashes/sha2.js";
import { AP2MandateError } from "./errors.ts";

/** One hop of a chain: an SD-JWT (RFC 9901) with what its holder disclosed. Parsed, its signature not verified. */
export interface SdJwt {
  /** The hop as presented, the closing `~` included: what `sd_hash` is over. */
  readonly presentation: string;
  /** The signed part: what `issuer_jwt_hash` is over. */
  readonly jwt: string;
  /** `header.payload`: what the signature is over. */
  readonly signingInput: string;
  readonly signature: Uint8Array;
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /**
   * The mandate, disclosures filled in. What was not disclosed leaves its digest, so that a reader sees that something is
   * missing: a list entry as `{"...": digest}`, members in a list `_sd` (a digest may also be a decoy, RFC 9901 §4.2.5).
   */
  readonly mandate: JsonObject;
}

/**
 * The hops of an encoded mandate, the open mandate first (AP2 v0.2 §Delegate SD-JWT): hops are joined by `~~`, of which
 * the first `~` closes the earlier hop.
 * @throws AP2MandateError for anything malformed: base64url with loose bits, JSON with doubled members, a disclosure that
 * nothing refers to.
 */
export function parseChain(text: string): readonly SdJwt[] {
  if (typeof text !== "string") throw malformed("is no text");
  const hops = text.split("~~");
  return hops.map((hop, at) => parseSdJwt(at < hops.length - 1 ? `${hop}~` : hop));
}

/** A hash as AP2 writes it: base64url of SHA-256 over the ASCII text. */
export function hashText(text: string): string {
  return base64url(sha256(utf8(text)));
}

/**
 * The identity of a mandate: SHA-256 of its signing input, in hex. It survives what other hashes do not: a disclosure
 * left out changes `sd_hash`, and a signature has a second valid spelling, which changes the hash of the JWT.
 */
export function mandateId(hop: SdJwt): string {
  return hex(sha256(utf8(hop.signingInput)));
}

/**
 * The hops that are mandates. A user who is present closes a mandate with the key of a payment credential, which leads the
 * chain then (AP2's Android sample, with CMWallet); of a single token nothing is left out.
 */
export function mandateHops(hops: readonly SdJwt[]): readonly SdJwt[] {
  const [root] = hops;
  return root !== undefined && hops.length > 1 && isCredential(root) ? hops.slice(1) : hops;
}

function isCredential({ payload, mandate }: SdJwt): boolean {
  const { vct } = mandate;
  return payload["delegate_payload"] === undefined && typeof vct === "string" && !vct.startsWith("mandate.");
}

const dates = ["exp", "nbf", "iat"] as const;

function isNoDate(value: JsonValue | undefined): boolean {
  return value !== undefined && typeof value !== "number";
}

/** A mandate has some dozen; each may stand within another, and reading goes as deep. */
const mostDisclosures = 512;

function parseSdJwt(presentation: string): SdJwt {
  const [jwt = "", ...rest] = presentation.split("~");
  if (rest.at(-1) !== "") throw malformed("does not end with ~; a token with a key binding JWT of its own is not one");
  const [headerText, payloadText, signatureText, ...more] = jwt.split(".");
  const signature = parseBase64url(signatureText ?? "");
  if (headerText === undefined || payloadText === undefined || signature === undefined || more.length > 0) {
    throw malformed("is not header.payload.signature in base64url");
  }
  const header = readObject(headerText, "header");
  const payload = readObject(payloadText, "payload");
  if (header["crit"] !== undefined) throw malformed("has critical extensions (RFC 7515 §4.1.11), and none is known");
  if (payload["delegate_payload"] !== undefined && payload["_sd"] !== undefined)
    throw malformed("hides members beside its mandate");
  const disclosed = new Disclosures(rest.slice(0, -1), payload["_sd_alg"]);
  const delegates = asList(payload["delegate_payload"] ?? []).map((item) => disclosed.delegate(item));
  const own = payload["delegate_payload"] === undefined ? disclosed.resolve(payload) : payload;
  disclosed.assertAllUsed();
  // A wallet may sign several mandates at once, of which the holder discloses one.
  const mandate = delegates.find((one) => isObject(one) && !("..." in one)) ?? delegates[0] ?? own;
  if (!isObject(mandate) || "..." in mandate) throw malformed("does not disclose its mandate");
  const date = dates.find((name) => [payload[name], mandate[name]].some(isNoDate));
  if (date !== undefined) throw malformed(`has an ${date} that is no number of seconds (RFC 7519 §2)`);
  return { presentation, jwt, signingInput: `${headerText}.${payloadText}`, signature, header, payload, mandate };
}

/** The disclosures of one hop by their digests; each may be used once. */
class Disclosures {
  readonly #byDigest = new Map<string, readonly JsonValue[]>();
  readonly #used = new Set<string>();

  constructor(encoded: readonly string[], algorithm: JsonValue | undefined) {
    if (algorithm !== undefined && algorithm !== "sha-256") throw malformed("uses a digest other than sha-256");
    if (encoded.length > mostDisclosures) throw malformed(`has more than ${mostDisclosures} disclosures`);
    for (const text of encoded) {
      const value = read(text, "disclosure");
      if (!Array.isArray(value) || value.length < 2 || value.length > 3)
        throw malformed("has a disclosure of no known form");
      const digest = hashText(text);
      if (this.#byDigest.has(digest)) throw malformed("has a disclosure twice");
      this.#byDigest.set(digest, value);
    }
  }

  /** `value` with everything that was disclosed in place of its digest. */
  resolve(value: JsonValue): JsonValue {
    if (Array.isArray(value)) return value.map((item) => this.#element(item));
    if (!isObject(value)) return value;
    const { _sd: digests, ...members } = value;
    const resolved = Object.entries(members).map(([name, member]) => [name, this.resolve(member)] as const);
    const listed = asList(digests ?? []);
    const left = listed.filter((digest) => typeof digest !== "string" || !this.#byDigest.has(digest));
    const hidden = listed.flatMap((digest) => this.#member(digest));
    const names = new Set(Object.keys(members));
    for (const [name] of hidden) {
      if (names.has(name) || name === "_sd" || name === "...")
        throw malformed("discloses a member that is there already");
      names.add(name);
    }
    return Object.fromEntries([...resolved, ...hidden, ...(left.length > 0 ? [["_sd", left] as const] : [])]);
  }

  /** A delegated mandate; some wallets write its bare digest where `{"...": digest}` belongs (AP2's SDK reads both). */
  delegate(item: JsonValue): JsonValue {
    if (typeof item !== "string") return this.#element(item);
    const found = this.#take(item);
    return found === undefined ? { "...": item } : this.resolve(found.at(-1) ?? null);
  }

  assertAllUsed(): void {
    if (this.#used.size !== this.#byDigest.size) throw malformed("has a disclosure that nothing refers to");
  }

  #element(item: JsonValue): JsonValue {
    const digest = isObject(item) && Object.keys(item).length === 1 ? item["..."] : undefined;
    if (typeof digest !== "string") return this.resolve(item);
    const found = this.#take(digest);
    if (found === undefined) return item;
    if (found.length !== 2) throw malformed("discloses a member where a list entry belongs");
    return this.resolve(found[1] ?? null);
  }

  #member(digest: JsonValue): readonly (readonly [string, JsonValue])[] {
    const found = typeof digest === "string" ? this.#take(digest) : undefined;
    if (found === undefined) return [];
    const [, name, value] = found;
    if (found.length !== 3 || typeof name !== "string")
      throw malformed("discloses a list entry where a member belongs");
    return [[name, this.resolve(value ?? null)]];
  }

  #take(digest: string): readonly JsonValue[] | undefined {
    const found = this.#byDigest.get(digest);
    if (found === undefined) return undefined;
    if (this.#used.has(digest)) throw malformed("refers to one disclosure twice");
    this.#used.add(digest);
    return found;
  }
}

function read(encoded: string, what: string): JsonValue {
  const bytes = parseBase64url(encoded);
  if (bytes === undefined) throw malformed(`has a ${what} that is no base64url`);
  try {
    return parseStrictJson(bytes);
  } catch (cause) {
    if (StrictJsonError.isInstance(cause)) throw malformed(`has a ${what} that is no strict JSON`, cause);
    throw cause;
  }
}

function readObject(encoded: string, what: string): JsonObject {
  const value = read(encoded, what);
  if (!isObject(value)) throw malformed(`has a ${what} that is no JSON object`);
  return value;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asList(value: JsonValue): readonly JsonValue[] {
  if (Array.isArray(value)) return value;
  throw malformed("has an object where a list belongs");
}

function malformed(message: string, cause?: unknown): AP2MandateError {
  return new AP2MandateError(`The encoded mandate ${message}.`, { cause });
}
