import type { Jwk } from "./jwk.ts";

/** When a key signed; milliseconds since the Unix epoch. */
export interface KeyWindow {
  /** Inclusive; absent: always before. */
  readonly notBeforeMs?: number | undefined;
  /** Exclusive; absent: still valid. */
  readonly notAfterMs?: number | undefined;
}

/** Which key is looked for: by `kid`, or by its bytes; one of them is given. */
export interface KeyQuery {
  readonly kid?: string | undefined;
  /** 32 bytes. */
  readonly publicKey?: Uint8Array | undefined;
  /** The time of signing, against which windows are checked; milliseconds since the Unix epoch. */
  readonly atMs?: number | undefined;
  /**
   * Reads a protocol's window members. `undefined` excludes the key as malformed. Without it keys have no window.
   */
  readonly windowOf?: ((jwk: Jwk) => KeyWindow | undefined) | undefined;
}

/** A key that may verify. */
export interface VerificationKey extends KeyWindow {
  readonly kid: string | undefined;
  readonly publicKey: Uint8Array;
  /** True when the signer's current set no longer lists the key, and it is known from an earlier one. */
  readonly retained: boolean;
}

/** Why there is no key. Codes are stable and meant for programs. */
export interface KeyProblem {
  readonly code: string;
  readonly message: string;
}

/**
 * The answer to a query: a key; `refused`, when the signer's set is known and has no such key; `unresolved`, when the
 * set could not be obtained.
 */
export type KeyLookup =
  | { readonly status: "found"; readonly key: VerificationKey }
  | { readonly status: "refused"; readonly problem: KeyProblem }
  | { readonly status: "unresolved"; readonly problem: KeyProblem };

export function refused(code: string, message: string): KeyLookup {
  return { status: "refused", problem: { code, message } };
}

export function unresolved(code: string, message: string): KeyLookup {
  return { status: "unresolved", problem: { code, message } };
}
