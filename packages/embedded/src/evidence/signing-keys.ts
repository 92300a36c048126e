import { ConfigurationError } from "@imprest/core";
import { base64url, hex, parseJson, stringifyJson } from "@imprest/core/internal";
import {
  type Ed25519KeyPair,
  generateKeyPair,
  keyPairFromJwk,
  keyPairFromSeed,
  keyPairToJwk,
  publicKeyFromJwk,
} from "@imprest/core/audit";
import { type EvidenceJwk, evidenceJwk } from "@imprest/cycles/evidence";
import type { Journal } from "../ledger/journal.ts";
import { LedgerUnavailableError } from "../ledger/unavailable.ts";

/** What one envelope is signed with, and when. */
export interface Stamp {
  readonly keyPair: Ed25519KeyPair;
  readonly kid: string;
  /** Epoch milliseconds, always within the key's window. */
  readonly issuedAtMs: number;
}

export interface SigningKeysParts {
  readonly journal: Journal | undefined;
  /** The entries of an earlier run, by store key. */
  readonly stored: ReadonlyMap<string, string>;
  /** The operator's own key. */
  readonly keyPair: Ed25519KeyPair | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** The time of the newest envelope of an earlier run; 0 without one. */
  readonly lastIssuedMs: number;
}

/**
 * The key that signs and those that signed before. Every key has a window of time of its own, and the next begins where
 * the last ends, so that exactly one covers any envelope (Cycles evidence, "Deterministic selection").
 */
export class SigningKeys {
  readonly #journal: Journal | undefined;
  readonly #now: () => number;
  /** Oldest first; only the last has no end. */
  readonly #published: EvidenceJwk[];
  #active: { readonly keyPair: Ed25519KeyPair; readonly jwk: EvidenceJwk } | undefined;
  /** The last time that belongs to the key that signs. */
  #lastIssuedMs: number;

  private constructor({ journal, now, lastIssuedMs }: SigningKeysParts, published: EvidenceJwk[]) {
    this.#journal = journal;
    this.#now = now;
    this.#published = published;
    this.#lastIssuedMs = Math.max(lastIssuedMs, published.at(-1)?.cycles_nbf_ms ?? 0);
  }

  /**
   * Goes on with the key of the last start, or begins with a new one.
   * @throws ConfigurationError for a key pair whose halves do not belong together, or that was rotated out before;
   * LedgerUnavailableError for stored keys that cannot be read.
   */
  static async open(parts: SigningKeysParts): Promise<SigningKeys> {
    const { keyPair: given, stored } = parts;
    if (given !== undefined) await assertPair(given);
    const { published, active, storedPair } = await readKeys(stored);
    const keys = new SigningKeys(parts, published);
    const keyPair = given ?? storedPair;
    if (active !== undefined && keyPair !== undefined && isKeyOf(active, keyPair)) {
      keys.#active = { keyPair, jwk: active };
      // The operator keeps the key now: what the store holds of it becomes the public half.
      if (given !== undefined && storedPair !== undefined) keys.#store(active);
    } else await keys.rotate(given);
    return keys;
  }

  /** Every key that ever signed, as the server publishes it. */
  get published(): readonly EvidenceJwk[] {
    return this.#published;
  }

  /** The key that signs now, and a time for one envelope. */
  stamp(): Stamp {
    if (this.#active === undefined) throw new TypeError("Keys sign once they are open.");
    const { keyPair, jwk } = this.#active;
    // A clock that was set back between two runs must not date an envelope before its key.
    const issuedAtMs = Math.max(this.#now(), jwk.cycles_nbf_ms);
    this.#lastIssuedMs = Math.max(this.#lastIssuedMs, issuedAtMs);
    return { keyPair, kid: jwk.kid, issuedAtMs };
  }

  /**
   * Signs with another key from now on, a fresh one by default. The old one stays published with its end; its
   * private half is forgotten. @throws ConfigurationError for a pair that does not belong together or signed before.
   */
  async rotate(given?: Ed25519KeyPair): Promise<EvidenceJwk> {
    if (given !== undefined) await assertPair(given);
    const keyPair = given ?? (await generateKeyPair());
    if (this.#published.some((known) => isKeyOf(known, keyPair))) {
      throw new ConfigurationError("This evidence key signed before; give the key that replaced it, or a new one.");
    }
    // Nothing waits from here on, so that two rotations at once follow each other. No window is empty, and none covers
    // a time at which the other key has signed.
    const atMs = Math.max(this.#now(), this.#lastIssuedMs + 1);
    const old = this.#published.pop();
    if (old !== undefined) {
      const window = { notBeforeMs: old.cycles_nbf_ms, notAfterMs: atMs };
      this.#publish(evidenceJwk(publicKeyFromJwk(old), old.kid, window));
    }
    const jwk = evidenceJwk(keyPair.publicKey, kidOf(keyPair), { notBeforeMs: atMs });
    this.#publish(jwk, given === undefined ? keyPair : undefined);
    this.#active = { keyPair, jwk };
    this.#lastIssuedMs = atMs;
    return jwk;
  }

  #publish(jwk: EvidenceJwk, kept?: Ed25519KeyPair): void {
    this.#published.push(jwk);
    this.#store(jwk, kept);
  }

  /** A key's private half is stored while it signs, unless the operator keeps it. */
  #store(jwk: EvidenceJwk, kept?: Ed25519KeyPair): void {
    const entry = kept === undefined ? jwk : { ...jwk, d: keyPairToJwk(kept).d };
    this.#journal?.changed(`evidence-key/${jwk.kid}`, () => stringifyJson(entry));
  }
}

interface ReadKeys {
  readonly published: EvidenceJwk[];
  readonly active?: EvidenceJwk | undefined;
  readonly storedPair?: Ed25519KeyPair | undefined;
}

async function readKeys(stored: ReadonlyMap<string, string>): Promise<ReadKeys> {
  try {
    const keys = Array.from(stored.values(), (text) => parseJson(text) as unknown as EvidenceJwk);
    keys.sort((one, other) => one.cycles_nbf_ms - other.cycles_nbf_ms);
    const published = keys.map(({ d: _private, ...jwk }) => jwk);
    for (const jwk of published) publicKeyFromJwk(jwk);
    const last = keys.at(-1);
    const storedPair = last?.d === undefined ? undefined : await keyPairFromJwk(last);
    return { published, active: published.at(-1), storedPair };
  } catch (error) {
    throw new LedgerUnavailableError("The authority's store holds an evidence key that cannot be read.", {
      cause: error,
    });
  }
}

async function assertPair({ publicKey, privateKey }: Ed25519KeyPair): Promise<void> {
  if (hex((await keyPairFromSeed(privateKey)).publicKey) === hex(publicKey)) return;
  throw new ConfigurationError("The two halves of the evidence key pair do not belong together.");
}

function isKeyOf(jwk: EvidenceJwk, { publicKey }: Ed25519KeyPair): boolean {
  return jwk.x === base64url(publicKey);
}

/** No key signs twice, so the start of its bytes names it. */
function kidOf({ publicKey }: Ed25519KeyPair): string {
  return hex(publicKey).slice(0, 16);
}
