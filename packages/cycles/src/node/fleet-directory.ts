import { createHash, pbkdf2 } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

// What the clients of all languages agree on (client recovery profile §"Durable"), so that they find one another's
// records: these constants are a wire format.

const derive = promisify(pbkdf2);
const iterations = 30_000;
const keyLength = 32;
const fingerprintLength = 16;

/** Where every client keeps its journal when it is not told otherwise. */
export function defaultFleetDirectory(): string {
  return join(homedir(), ".runcycles", "commit-journal");
}

/**
 * The folder of one server and principal: the tenant, which outlives its keys, or else the key. Derived slowly, so that
 * the name does not give a weak key away.
 */
export async function fleetFingerprint(
  baseUrl: string,
  principal: { readonly tenant: string } | { readonly apiKey: string },
): Promise<string> {
  const secret = "tenant" in principal ? `tenant\n${principal.tenant}` : `key\n${principal.apiKey}`;
  const digest = await derive(secret, `runcycles-commit-journal\n${baseUrl}`, iterations, keyLength, "sha256");
  return digest.toString("hex").slice(0, fingerprintLength);
}

/** The file of one reservation. */
export function fleetFileName(reservationId: string): string {
  return `v2-${createHash("sha256").update(reservationId, "utf8").digest("hex")}.json`;
}
