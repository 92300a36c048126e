import { systemClock } from "@imprest/core";
import { Patience } from "@imprest/core/internal";
import { answersAsked } from "../usage/answers-asked.ts";
import { type Admitted, type Guard, countedAs } from "../fetch/admit.ts";
import { Seen, isProvidersError } from "../fetch/answer.ts";
import { type HandedDown, handDown } from "../fetch/handed-down.ts";
import { isProvidersOwn } from "../fetch/not-billed.ts";
import { parsed } from "../fetch/read-bounded.ts";
import { seenTokens } from "../fetch/seen-text.ts";
import { SettledCall } from "../fetch/settled-call.ts";
import type { Outcome } from "../fetch/settlement.ts";
import { type Bag, isBag } from "../fetch/wires/wire.ts";

/** What a host says of an answer. */
export interface HostAnswer {
  readonly usage?: unknown;
  /** The model that the provider says answered. */
  readonly model?: string | undefined;
  /** The answer is whole, and `usage` is all of it. */
  readonly isDone: boolean;
}

/**
 * A reserved call of an adapter. Where a guarded fetch of the same authority stands below, that one takes the reservation and
 * settles it by what it sees of the wire; else the adapter settles it by what the host says.
 */
export class AdaptedCall {
  /** Under the authority's caps: `max_tokens` and `tools` are what may be asked for. */
  readonly body: Bag;
  /** What the host must send: the caller's headers without ours, and the one that a guard below takes off. */
  readonly headers: Record<string, string>;
  /** Aborts with the caller's signal, and by `leaseLoss: "cancel"`. */
  readonly signal: AbortSignal;
  readonly #guard: Guard;
  readonly #admitted: Admitted;
  readonly #settled: SettledCall;
  readonly #seen: Seen;
  readonly #handed: HandedDown;
  readonly #endHanding: () => void;
  #over: Promise<void> | undefined;

  constructor(guard: Guard, admitted: Admitted, headers: Headers) {
    const { reservation, call } = admitted;
    const { handed, headers: own, end } = handDown(guard.authority, reservation);
    this.body = call.body;
    this.headers = { ...Object.fromEntries(headers), ...own };
    this.signal = reservation.signal;
    this.#guard = guard;
    this.#admitted = admitted;
    this.#settled = new SettledCall(guard, admitted);
    this.#seen = new Seen(answersAsked(call.body));
    this.#handed = handed;
    this.#endHanding = end;
  }

  /** Whether the authority's caps change what the host asked for. */
  get isCapped(): boolean {
    return this.body !== this.#admitted.request.body;
  }

  /** How long the answer is kept open for its reader. */
  get patience(): Patience {
    const { authority, options } = this.#guard;
    return new Patience(authority.environment?.clock ?? systemClock, options);
  }

  /** Counts text of the answer: it bounds what an answer costs that breaks off. */
  saw(part: object): void {
    this.#seen.tokens += seenTokens(part as Bag);
  }

  /** Settles, once, by an answer that ended or broke off. Never rejects: the kernel keeps what it could not settle. */
  answered(answer: HostAnswer): Promise<void> {
    return (this.#over ??= this.#answered(answer));
  }

  /** Settles, once, by an error without an answer. @param isUnsent nothing has left for the provider. Never rejects. */
  failed(error: unknown, isUnsent: boolean): Promise<void> {
    return (this.#over ??= this.#failed(error, isUnsent));
  }

  async #answered({ usage, model, isDone }: HostAnswer): Promise<void> {
    this.#endHanding();
    Object.assign(this.#seen, { usage, model, isDone });
    if (!this.#handed.isTaken) return this.#settled.settleBy(this.#seen, "ended");
    const { request } = this.#admitted;
    if (isDone) await this.#guard.options.prefixes?.remember(countedAs(request), request.body, usage).catch(() => {});
  }

  async #failed(error: unknown, isUnsent: boolean): Promise<void> {
    const { statusCode, status = statusCode, responseBody } = isBag(error) ? error : {};
    const body = typeof responseBody === "string" ? parsed(responseBody) : undefined;
    const isAnswered = typeof status === "number" && status >= 300;
    if (typeof status === "number" && !isAnswered && isBag(body)) {
      // The provider has answered, and the SDK could not read all of it.
      this.saw(body);
      return this.#answered({ usage: body["usage"] ?? body["usageMetadata"], isDone: true });
    }
    this.#endHanding();
    if (this.#handed.isTaken) return;
    const isError = isBag(error) && (isProvidersError(error) || isProvidersOwn(error));
    const stated = isBag(body) ? (body["usage"] ?? body["usageMetadata"]) : undefined;
    if (isAnswered && isBag(stated)) Object.assign(this.#seen, { usage: stated });
    const outcome: Outcome = isAnswered
      ? { kind: "answered", status, isError }
      : { kind: isUnsent ? "unsent" : "failed", error };
    await this.#settled.settle(outcome, isAnswered ? this.#seen : undefined);
  }
}
