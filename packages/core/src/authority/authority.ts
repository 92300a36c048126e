import type { Environment } from "./environment.ts";
import type { BudgetQuery, BudgetBooks } from "./balance.ts";
import type { Decision, Grant, Lease } from "./grant.ts";
import type { CallOptions, CallTerms, ReserveRequest, Subject } from "./request.ts";
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
  /**
   * True where books of the authority's own say, before it is asked to settle, what is to be settled: the queue does not
   * record it a second time, and does not send again what an earlier process left. Dead letters are kept all the same.
   */
  readonly recordsSettlements?: boolean | undefined;
  readonly environment?: Environment | undefined;
  /** The levels that it fills in where a request leaves them open; the event of a denial names them too. */
  readonly speaksFor?: Subject | undefined;
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
   * The books of the budget that has least left of those a request would draw on, at one moment; `undefined` where there
   * is no budget. Absent where the wire cannot say.
   */
  balance?(of: BudgetQuery, options?: CallOptions): Promise<BudgetBooks | undefined>;
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

/** What a settlement queue needs of an authority: all but what a reservation is opened with. */
export type SettlingAuthority = Pick<
  SpendAuthority,
  | "protocol"
  | "target"
  | "durable"
  | "recordsSettlements"
  | "environment"
  | "dedupeHorizonMs"
  | "onNewCredentials"
  | "extend"
  | "settle"
>;
