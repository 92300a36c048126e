import type { Environment } from "./environment.ts";
import type { Decision, Grant, Lease } from "./grant.ts";
import type { CallOptions, CallTerms, ReserveRequest } from "./request.ts";
import type { Attempt, Intent, SettlementInstruction } from "./settlement.ts";

/**
 * The port between the kernel and whatever grants budget. An implementation makes one attempt at what it is asked, and
 * says what came of it; the kernel alone records, retries and switches mode.
 */
export interface SpendAuthority {
  readonly protocol: string;
  /** Which server and principal this is; stable across restarts and key rotation; never a secret. */
  readonly target: string;
  /** False where settlements are not acknowledged (an ARCP lease): nothing is recorded or retried. */
  readonly durable: boolean;
  readonly environment?: Environment | undefined;
  /**
   * How long the authority remembers an idempotency key, in milliseconds, by `SettlementInstruction.mode`. An older settlement could
   * be charged twice, so it waits for an operator instead of being sent again.
   */
  readonly dedupeHorizonMs?: Readonly<Record<string, number>> | undefined;

  /**
   * Calls `listener` whenever the credential has changed: what waits, because the old one was refused, is sent then.
   * @returns the function that unsubscribes.
   */
  onNewCredentials?(listener: () => void): () => void;

  /**
   * Accepts a call's options, or refuses them: the kernel asks before it sends anything. Absent where every option is
   * acceptable.
   * @throws ConfigurationError naming the option that the protocol does not allow here.
   */
  checkOptions?(options: CallTerms): void;
  /** Asks without reserving. Absent where the wire cannot. */
  decide?(request: ReserveRequest, options?: CallOptions): Promise<Decision>;
  /**
   * Whether a denied `request` may be granted once open reservations have settled: what is missing is held, not spent. Absent
   * where the wire cannot say.
   */
  isHeld?(request: ReserveRequest, options?: CallOptions): Promise<boolean>;
  /**
   * One attempt to reserve.
   * @throws DeniedError when the authority says no; a TransportError or ProtocolError otherwise.
   */
  reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant>;
  /** One attempt to lengthen the lease. Absent where the wire cannot. */
  extend?(
    grant: Grant,
    by: { readonly ms: number; readonly idempotencyKey: string },
    options?: CallOptions,
  ): Promise<Lease>;
  /** Freezes an intent. Pure: no clock, no randomness, no I/O. @throws ValidationError for what the wire refuses. */
  prepare(
    grant: Grant,
    intent: Intent,
    stamp: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): SettlementInstruction;
  /** One attempt to settle. Rejects only when `options.signal` aborts; every other outcome is an `Attempt`. */
  settle(instruction: SettlementInstruction, options?: CallOptions): Promise<Attempt>;
}
