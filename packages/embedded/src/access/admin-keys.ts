import { ConfigurationError } from "@imprest/core";
import { utf8 } from "@imprest/core/internal";
import { sha256 } from "@noble/hashes/sha2.js";
import { equalInConstantTime } from "./constant-time.ts";

/** The administrator's keys, as they were configured. Only their SHA-256 is held. */
export class AdminKeys {
  readonly #digests: readonly Uint8Array[];

  /** @throws ConfigurationError for a key that is no secret. */
  constructor(keys: readonly string[]) {
    if (keys.length === 0) throw new ConfigurationError("governance.adminKeys names no key; name one at least.");
    if (!keys.every((key) => /^[\x21-\x7e]{16,256}$/.test(key))) {
      throw new ConfigurationError("Each of governance.adminKeys must be 16 to 256 visible ASCII characters.");
    }
    this.#digests = keys.map((key) => sha256(utf8(key)));
  }

  accepts(presented: string): boolean {
    const digest = sha256(utf8(presented));
    let found = false;
    for (const known of this.#digests) found = equalInConstantTime(known, digest) || found;
    return found;
  }
}
