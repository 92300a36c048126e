import { open, readFile } from "node:fs/promises";
import { randomHex } from "@imprest/core/internal";
import { generateKeyPair, keyPairFromJwk, keyPairToJwk } from "@imprest/core/audit";
import { UsageError } from "./command.ts";

/** A key that signs, and the name it is published under. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: Uint8Array;
}

/**
 * Reads a private Ed25519 JWK with a `kid`; makes one, readable by its owner alone, when the file does not exist.
 * @throws UsageError when the file holds something else.
 */
export async function readSigningKey(path: string): Promise<SigningKey> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return makeSigningKey(path);
  try {
    const jwk = JSON.parse(text) as Parameters<typeof keyPairFromJwk>[0];
    const { privateKey } = await keyPairFromJwk(jwk);
    if (typeof jwk.kid === "string" && jwk.kid !== "") return { kid: jwk.kid, privateKey };
  } catch (error) {
    throw new UsageError(`${path} is no private Ed25519 JWK.`, { cause: error });
  }
  throw new UsageError(`${path} has no kid.`);
}

async function makeSigningKey(path: string): Promise<SigningKey> {
  const pair = await generateKeyPair();
  const kid = `imprest-${randomHex(4)}`;
  const jwk = { ...keyPairToJwk(pair), kid };
  // Exclusive and private from the start: nobody else reads it in between, and no other key is overwritten.
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(`${JSON.stringify(jwk)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return { kid, privateKey: pair.privateKey };
}
