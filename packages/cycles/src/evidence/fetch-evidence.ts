import {
  type CallOptions,
  type Clock,
  ConfigurationError,
  type HttpResponse,
  TransportError,
  type Transport,
  VerificationError,
  defaultTransport,
  systemClock,
} from "@imprest/core";
import { send, sleep } from "@imprest/core/internal";
import { TrustedOrigins } from "@imprest/core/audit";
import type { CyclesEvidenceRef } from "@imprest/core/models/cycles";

/** Where evidence is fetched from, and what it is held to. */
export interface FetchEvidenceOptions extends Pick<CallOptions, "signal"> {
  /** Bare HTTPS origins; nothing is fetched from another. */
  readonly trustedOrigins: readonly string[];
  /** For development: also take `http:` origins on this machine in `trustedOrigins`. */
  readonly allowLoopbackHttp?: boolean | undefined;
  /** How long to go on asking, in milliseconds; 30 seconds by default. */
  readonly timeoutMs?: number | undefined;
  /** The largest envelope, in bytes; 1 MiB by default. */
  readonly maxBytes?: number | undefined;
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
}

const firstDelayMs = 250;
const longestDelayMs = 4000;

/**
 * The text of the envelope that an answer refers to, to be given to `verifyEvidence` with
 * `expected: { evidenceId: reference.evidence_id }`. Authorities sign after they answer, so 404 may mean "not yet":
 * it is asked again with growing pauses until `timeoutMs` is over, and so is an authority that is not reachable.
 * @throws VerificationError `origin_not_trusted`, `evidence_not_found` or `evidence_unavailable`; AbortedError.
 */
export async function fetchEvidence(reference: CyclesEvidenceRef, options: FetchEvidenceOptions): Promise<string> {
  const { trustedOrigins, allowLoopbackHttp = false, clock = systemClock, timeoutMs = 30_000, signal } = options;
  if (!(timeoutMs > 0)) throw new ConfigurationError("timeoutMs must be a positive number of milliseconds.");
  const url = new TrustedOrigins(trustedOrigins, allowLoopbackHttp).admit(reference.cycles_evidence_url);
  if (url === undefined) {
    throw new VerificationError("origin_not_trusted", "The origin of the evidence is not in trustedOrigins.");
  }
  const transport = options.transport ?? defaultTransport();
  const deadlineMs = clock.monotonic() + timeoutMs;
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, longestDelayMs)) {
    const remainingMs = Math.max(1, deadlineMs - clock.monotonic());
    const outcome = await ask(url, transport, { ...options, clock, timeoutMs: remainingMs });
    if (typeof outcome === "string") return outcome;
    if (!outcome.isTransient || clock.monotonic() + delayMs >= deadlineMs) throw outcome.error;
    await sleep(clock, delayMs, signal);
  }
}

interface Failure {
  readonly error: VerificationError;
  readonly isTransient: boolean;
}

interface AskOptions extends Pick<FetchEvidenceOptions, "signal" | "clock" | "maxBytes"> {
  readonly timeoutMs: number;
}

async function ask(url: URL, transport: Transport, options: AskOptions): Promise<string | Failure> {
  const { timeoutMs, signal, clock, maxBytes = 1024 * 1024 } = options;
  const request = { method: "GET", url: url.href, headers: { accept: "application/json" } } as const;
  let response: HttpResponse;
  try {
    response = await send(transport, request, { timeoutMs, signal, clock, maxResponseBytes: maxBytes });
  } catch (error) {
    if (signal?.aborted || !TransportError.isInstance(error)) throw error;
    return failure("evidence_unavailable", "The evidence could not be fetched.", true, error);
  }
  const { status, body } = response;
  if (status === 200) return body;
  if (status === 404) return failure("evidence_not_found", "There is no such evidence, or it is not signed yet.", true);
  const isTransient = status === 429 || status >= 500;
  return failure("evidence_unavailable", `The evidence was answered with status ${status}.`, isTransient);
}

function failure(reason: string, message: string, isTransient: boolean, cause?: unknown): Failure {
  return { error: new VerificationError(reason, message, { cause }), isTransient };
}
