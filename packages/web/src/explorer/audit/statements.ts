import {
  type AuditConclusion,
  type AuditTrustOptions,
  createAuditTrust,
  readPromisedEvent,
  verifyAuditFeed,
} from "@imprest/asp/audit";
import {
  type Disposition,
  type Finding,
  type RemoteKeySet,
  createRemoteKeySet,
  mergeKeySets,
  parseStrictJson,
  verifyLines,
} from "@imprest/core/audit";
import { ImprestError } from "@imprest/core/internal/verify";
import type { AuditEvent } from "@imprest/core/models/asp";
import { evidenceJwksUrl, reservationIdOf, verifyEvidence } from "@imprest/cycles/evidence";
import { conclusionJson, evidenceJson, isAccepted, isAcceptedEvidence, lineJson } from "imprest/internal";
import type { GivenKeys, Verification } from "./messages.ts";
import { verifyReceiptLine } from "./receipt-line.ts";
import { UnusableError } from "./unusable-error.ts";

/** What verifying one line established, whichever form it has. */
export interface Statement {
  readonly line: number;
  readonly disposition: Disposition;
  readonly accepted: boolean;
  readonly findings: readonly Finding[];
  readonly kind: string;
  readonly atMs: number | undefined;
  /** The decision or the reservation that it belongs to. */
  readonly group: string | undefined;
  readonly reservation?: string | undefined;
  /** An authentic event that is here for the first time. */
  readonly event?: AuditEvent | undefined;
  /** As the command's `--format json` writes it. */
  json(): string;
}

/** What the end of a feed of ASP events shows, and the last line of its report. */
export interface Ending {
  readonly conclusion: AuditConclusion;
  readonly json: string;
}

type Statements = AsyncGenerator<Statement, Ending | undefined, undefined>;

/**
 * Verifies the lines of a feed as the commands do: `imprest verify` for ASP events, `imprest evidence` for envelopes.
 * @throws UnusableError for keys or promised events that cannot be used.
 */
export function verifyStatements(source: AsyncIterable<Uint8Array>, given: Verification): Statements {
  try {
    if (given.form === "asp") return events(source, given, trustOf(given), promisedOf(given.promised));
    return envelopes(source, evidenceKeysOf(given), given.form);
  } catch (error) {
    if (!ImprestError.isInstance(error)) throw error;
    throw new UnusableError(error.message, { cause: error });
  }
}

async function* events(
  source: AsyncIterable<Uint8Array>,
  { order, graceWindowMs, expected }: Verification,
  trust: ReturnType<typeof createAuditTrust>,
  promised: ReturnType<typeof promisedOf>,
): Statements {
  const feed = verifyAuditFeed(source, { trust, order, graceWindowMs, expected, promised });
  let next = await feed.next();
  for (; !next.done; next = await feed.next()) {
    const line = next.value;
    const { report, lifecycle, lineNumber } = line;
    const { event, disposition } = report;
    const isAgain = lifecycle.some(({ code }) => code === "duplicate" || code === "conflicting_duplicate");
    yield {
      line: lineNumber,
      disposition,
      accepted: isAccepted(line),
      findings: [...report.findings, ...lifecycle],
      kind: event?.suffix ?? "",
      atMs: event === undefined ? undefined : Date.parse(event.data.event_time),
      group: event?.data.decision_id.toLowerCase(),
      reservation: event !== undefined && "reservation_id" in event.data ? event.data.reservation_id : undefined,
      event: isAgain ? undefined : event,
      json: () => lineJson(line),
    };
  }
  return { conclusion: next.value, json: conclusionJson(next.value) };
}

async function* envelopes(
  source: AsyncIterable<Uint8Array>,
  keys: RemoteKeySet | undefined,
  form: "evidence" | "receipt",
): Statements {
  const verify = form === "receipt" ? verifyReceiptLine : verifyEvidence;
  for await (const line of verifyLines(source, (bytes) => verify(bytes, { keys }))) {
    const { lineNumber, report } = line;
    const envelope = "envelope" in report ? report.envelope : undefined;
    const accepted = isAcceptedEvidence(line);
    yield {
      line: lineNumber,
      disposition: report.disposition,
      accepted,
      findings: report.findings,
      kind: envelope?.artifact_type ?? "",
      atMs: envelope?.issued_at_ms,
      group: envelope === undefined ? undefined : reservationIdOf(envelope),
      json: () => evidenceJson(line, accepted),
    };
  }
  return undefined;
}

function trustOf({ issuers, keys, allowLoopbackHttp, notAfterMs }: Verification): ReturnType<typeof createAuditTrust> {
  const jwks = Object.fromEntries(setsOf(keys, (issuer) => issuer));
  const options: AuditTrustOptions = { origins: issuers, jwks, allowLoopbackHttp, notAfterMs };
  return createAuditTrust(options);
}

/** Without keys a signature alone is judged, and whose it is stays open. */
function evidenceKeysOf({ keys }: Verification): RemoteKeySet | undefined {
  if (keys.length === 0) return undefined;
  return createRemoteKeySet({ trustedOrigins: [], bundle: Object.fromEntries(setsOf(keys, evidenceJwksUrl)) });
}

/** One set for each issuer; several files of one are its current and its archived keys. */
function setsOf(keys: readonly GivenKeys[], nameOf: (issuer: string) => string): Map<string, unknown> {
  const files = new Map<string, { name: string; jwks: unknown }[]>();
  for (const { issuer, name, text } of keys) {
    const owner = nameOf(issuer);
    files.set(owner, [...(files.get(owner) ?? []), { name, jwks: keySetOf(name, text) }]);
  }
  return new Map([...files].map(([owner, sets]) => [owner, sets.length === 1 ? sets[0]?.jwks : mergeKeySets(sets)]));
}

/** A single JWK is a set of one. */
function keySetOf(name: string, text: string): unknown {
  const value = strictJson(name, text);
  return typeof value === "object" && value !== null && "kty" in value ? { keys: [value] } : value;
}

function promisedOf(text: string | undefined): ReturnType<typeof readPromisedEvent>[] | undefined {
  const lines = text?.split("\n").filter((line) => line.trim() !== "");
  return lines?.map((line, at) => {
    try {
      return readPromisedEvent(strictJson(`promised event ${at + 1}`, line));
    } catch (error) {
      if (!ImprestError.isInstance(error)) throw error;
      throw new UnusableError(`Promised event ${at + 1} cannot be used: ${error.message}.`, { cause: error });
    }
  });
}

function strictJson(name: string, text: string): unknown {
  try {
    return parseStrictJson(text, { numbers: "double" });
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    throw new UnusableError(`${name} is not JSON: ${why}`, { cause: error });
  }
}
