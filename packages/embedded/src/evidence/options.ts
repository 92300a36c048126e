import { ConfigurationError } from "@imprest/core";
import type { Ed25519KeyPair } from "@imprest/core/audit";

/** What the authority signs, as whom, and how long it serves it. */
export interface EvidenceOptions {
  /**
   * The authority's stable URI: where clients reach it, `/v1` included, without a slash at the end. Its exact bytes are
   * the authority's identity in everything it signs. By default: the URL that `serve` listens on; a `handler` and an
   * `authority` that no server was started for do not know their own address and must be given it.
   */
  readonly serverId?: string | undefined;
  /**
   * The signing key, from wherever you keep secrets; its private half is then never stored. Another key than at the
   * last start is a rotation. Without it a key is made at the first start and kept in the store.
   */
  readonly keyPair?: Ed25519KeyPair | undefined;
  readonly retention?: EvidenceRetention | undefined;
}

/** How long and how much signed evidence of one tenant is served. */
export interface EvidenceRetention {
  /** Milliseconds that an envelope is served. By default: thirty days. */
  readonly forMs?: number | undefined;
  /** Envelopes kept at most, the oldest go first; each takes about 1.5 kB of memory. By default: 50,000. */
  readonly envelopes?: number | undefined;
  /** Characters of all envelopes at most, the oldest go first. By default: 134,217,728. */
  readonly bytes?: number | undefined;
}

/** @throws ConfigurationError unless `serverId` is an http(s) URL to which a path can be appended as it is. */
export function checkServerId(serverId: string): void {
  const url = URL.canParse(serverId) ? new URL(serverId) : undefined;
  const isWeb = url !== undefined && /^https?:\/\//i.test(serverId);
  if (isWeb && url.username === "" && url.password === "" && !/[?#\s\\]|\/$/.test(serverId)) return;
  throw new ConfigurationError(
    "evidence.serverId must be the http(s) URL that clients reach, /v1 included, without a slash, query or fragment at its end.",
  );
}
