import type { AuditTrustOptions } from "@imprest/asp/audit";
import { TrustedOrigins } from "@imprest/core/audit";
import { parseTimestamp } from "@imprest/core/models/asp";
import { UsageError, type Values, textsOf } from "./command.ts";
import { KeyFiles } from "./key-files.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Whom `imprest verify` believes, and by which keys. A key belongs to one issuer (ASP §5): a file is an issuer's because
 * its argument says so, or because only one issuer is trusted.
 * @throws UsageError naming the argument that cannot be used.
 */
export async function readTrust(values: Values, terminal: Terminal): Promise<AuditTrustOptions> {
  const given = textsOf(values, "trust");
  if (given.length === 0)
    throw new UsageError("Name whose events are believed: --trust https://authority.example.com.");
  const allowLoopbackHttp = values["allow-loopback"] === true;
  const trusted = trustIn(given, allowLoopbackHttp);
  const origins = [...new Set(given.map((text) => trusted.admit(text)?.origin ?? text))];
  const files = new KeyFiles(terminal);
  for (const argument of textsOf(values, "jwks")) {
    const { origin, path } = ownerOf(argument, origins, trusted);
    await files.read(origin, path);
  }
  const fetchKeys = values["fetch-keys"] === true;
  if (files.isEmpty && !fetchKeys) throw new UsageError("Give the keys with --jwks FILE, or --fetch-keys.");
  const notAfterMs = Object.fromEntries(textsOf(values, "not-after").map(readEnd));
  return { origins, jwks: files.sets(), fetchKeys, allowLoopbackHttp, notAfterMs };
}

function trustIn(origins: readonly string[], allowLoopbackHttp: boolean): TrustedOrigins {
  try {
    return new TrustedOrigins(origins, allowLoopbackHttp);
  } catch (cause) {
    const also = "--allow-loopback takes http: origins of this machine too";
    throw new UsageError(`--trust takes bare https: origins, such as https://keys.example; ${also}.`, { cause });
  }
}

/** `KEY=TIME`: a public key as hex, and when it was lost. */
function readEnd(argument: string): [key: string, atMs: number] {
  const [, key = "", time = ""] = /^([0-9a-f]{64})=(.+)$/i.exec(argument) ?? [];
  const atMs = parseTimestamp(time);
  if (atMs !== undefined) return [key, atMs];
  throw new UsageError(`--not-after ${argument}: write 64 hex digits of a key, =, and 2026-12-01T00:00:00Z.`);
}

/** The issuer of `[ORIGIN=]FILE`. An origin holds no `=`, so the first one ends it; a path may hold more. */
function ownerOf(
  argument: string,
  origins: readonly string[],
  trusted: TrustedOrigins,
): { readonly origin: string; readonly path: string } {
  const at = /^https?:\/\//i.test(argument) ? argument.indexOf("=") : -1;
  const path = argument.slice(at + 1);
  if (at !== -1) {
    const named = trusted.admit(argument.slice(0, at));
    if (named?.pathname === "/") return { origin: named.origin, path };
    throw new UsageError(`--jwks ${argument}: no --trust names that origin. Trust it too, or leave the file out.`);
  }
  const [only = "", ...others] = origins;
  if (others.length === 0) return { origin: only, path };
  throw new UsageError(
    `--jwks ${path}: ${origins.length} issuers are trusted. Say whose keys these are, such as --jwks ${only}=${path}.`,
  );
}
