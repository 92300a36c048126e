import { ConfigurationError } from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import { type Jwk, type PublicJwk, keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import type { Journal } from "../ledger/journal.ts";
import type { AspSigningKey } from "./options.ts";

/** A public key as it is kept. */
interface KeptKey {
  readonly jwk: Jwk;
  /** After which it signed nothing more, epoch milliseconds; absent for the key in use. */
  readonly retiredAtMs?: number | undefined;
}

const kind = "asp-key";

/** The key that signs, and the public keys that stay published as long as what they signed is kept (ASP §5). */
export class SigningKeys {
  #current: AspSigningKey;
  readonly #published = new Map<string, KeptKey>();
  readonly #retentionMs: number;
  readonly #journal: Journal | undefined;
  /** The time of the events: a key ends no earlier than the last one that it signed. */
  readonly #nowMs: () => number;
  /** Deriving a public key takes a turn; whoever publishes waits for it. */
  #derived: Promise<void>;

  constructor(
    current: AspSigningKey,
    retired: readonly Jwk[],
    stored: Iterable<string>,
    parts: { readonly retentionMs: number; readonly journal: Journal | undefined; readonly nowMs: () => number },
  ) {
    this.#current = current;
    this.#retentionMs = parts.retentionMs;
    this.#journal = parts.journal;
    this.#nowMs = parts.nowMs;
    for (const jwk of retired) this.#keep({ jwk, retiredAtMs: lastOf(jwk) ?? this.#nowMs() });
    for (const text of stored) {
      const kept = parseJson(text) as unknown as KeptKey;
      // A key that an earlier process signed with is retired, unless this one signs with it again.
      this.#keep({ ...kept, retiredAtMs: kept.retiredAtMs ?? this.#nowMs() });
    }
    this.#derived = this.#publishCurrent();
    this.#derived.catch(() => {});
  }

  /** The key for the next event. */
  get current(): AspSigningKey {
    return this.#current;
  }

  /** Signs with another key from now on. @throws ConfigurationError for a kid that is, or was, another key's. */
  async rotate(next: AspSigningKey): Promise<void> {
    await this.#derived;
    if (this.#published.has(next.kid)) throw new ConfigurationError(`The kid ${next.kid} is taken; name a fresh one.`);
    const previous = this.#published.get(this.#current.kid);
    if (previous !== undefined) this.#keep({ ...previous, retiredAtMs: this.#nowMs() });
    this.#current = next;
    this.#derived = this.#publishCurrent();
    await this.#derived;
  }

  /**
   * The JWK Set: the key in use, and every retired one within retention, with its end. A thief of a retired key dates
   * events as he likes, but not after it.
   */
  async jwks(): Promise<{ readonly keys: readonly Jwk[] }> {
    await this.#derived;
    const oldestMs = this.#nowMs() - this.#retentionMs;
    const keys = Array.from(this.#published.values())
      .filter(({ retiredAtMs = Infinity }) => retiredAtMs >= oldestMs)
      .map(({ jwk, retiredAtMs }) => (retiredAtMs === undefined ? jwk : { ...jwk, exp: expiryOf(retiredAtMs) }));
    return { keys };
  }

  async #publishCurrent(): Promise<void> {
    const { kid, privateKey } = this.#current;
    const { publicKey } = await keyPairFromSeed(privateKey);
    const jwk: PublicJwk = { ...publicKeyToJwk(publicKey, kid), alg: "EdDSA", use: "sig" };
    const known = this.#published.get(kid);
    if (known !== undefined && known.jwk.x !== jwk.x) {
      throw new ConfigurationError(`The kid ${kid} was another key's before; name a fresh one.`);
    }
    this.#keep({ jwk });
  }

  #keep(key: KeptKey): void {
    const { kid } = key.jwk;
    if (typeof kid !== "string" || kid === "") throw new ConfigurationError("A retired ASP key has no kid.");
    this.#published.set(kid, key);
    this.#journal?.changed(`${kind}/${kid}`, () => JSON.stringify(key));
  }
}

/** `exp` is the first moment at which a key is no more, in seconds (RFC 7519 §4.1.4). */
function expiryOf(retiredAtMs: number): number {
  return (retiredAtMs + 1) / 1_000;
}

/** The last millisecond of a key that is given with its end. @throws ConfigurationError for an end that is no number. */
function lastOf({ exp, kid }: Jwk): number | undefined {
  if (exp === undefined || exp === null) return undefined;
  if (typeof exp === "number" && Number.isFinite(exp)) return Math.round(exp * 1_000) - 1;
  throw new ConfigurationError(`The retired ASP key ${String(kid)} has an exp that is no number of seconds.`);
}
