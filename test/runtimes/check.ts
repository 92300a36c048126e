import { parseHex } from "@imprest/core/internal";

/** The published vectors. */
export interface Vectors {
  readonly speccheck: readonly { readonly message: string; readonly pub_key: string; readonly signature: string }[];
  readonly jcs: readonly { readonly input: string; readonly output: string }[];
  readonly evidence: readonly string[];
  readonly asp: AspVectors;
  readonly ap2Tokens: Readonly<Record<string, string>>;
  readonly ap2Keys: readonly Ap2KeyVector[];
}

export interface AspVectors {
  readonly jwks: object;
  readonly valid: readonly AspVector[];
  readonly invalid: readonly AspVector[];
}

export interface AspVector {
  readonly name: string;
  readonly event: object;
  readonly signature_b64url: string;
  /** Of an invalid one: why; some are valid all the same. */
  readonly expect?: string;
}

export interface Ap2KeyVector {
  readonly mandate: { readonly transaction_id: string; readonly open_mandate_hash?: string };
  readonly reserve: string;
  readonly commit: string;
}

/** What a suite finds around it; put in by whoever builds it. */
export interface World {
  readonly vectors: Vectors;
  /** A Cycles server on loopback with one tenant, "acme", that may spend. */
  readonly cycles: { readonly url: string; readonly key: string };
}

/** Throws when this runtime does otherwise than the others. */
export type Check = (world: World) => Promise<void>;
export type Checks = Readonly<Record<string, Check>>;

export function bytes(text: string): Uint8Array {
  return parseHex(text) ?? new Uint8Array();
}

export function expectEqual<Value>(actual: Value, expected: Value): void {
  if (actual !== expected) throw new Error(`expected ${String(expected)}, got ${String(actual)}`);
}

/** The class of what it fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing",
    (error: unknown) => (error instanceof Error ? error.name : typeof error),
  );
}
