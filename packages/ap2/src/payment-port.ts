import type { CallOptions, Environment, Grant, Intent, ReserveRequest, SettlementInstruction } from "@imprest/core";
import type { Attempt as SettleAttempt, SpendAuthority } from "@imprest/core";
import { shareOutbox } from "@imprest/core/internal";
import type { PaymentAuthority } from "./authority.ts";
import type { PaymentBytes } from "./budget/payment-budget.ts";
import { AP2GuardDenied } from "./errors.ts";

/**
 * The kernel's port for one payment: the reserve goes out in the payment's own bytes and under its own key, and settlements
 * get the keys that follow from the mandate.
 */
export class PaymentPort implements SpendAuthority {
  readonly protocol: string;
  readonly durable = true;
  readonly target: string;
  readonly environment: Environment;
  readonly #authority: PaymentAuthority;
  readonly #bytes: PaymentBytes;
  #mayStand: boolean;

  constructor(authority: PaymentAuthority, bytes: PaymentBytes) {
    this.protocol = authority.protocol;
    this.target = authority.target;
    this.environment = authority.environment;
    this.#authority = authority;
    this.#bytes = bytes;
    this.#mayStand = bytes.isResumed;
    shareOutbox(this, authority);
  }

  async reserve(request: ReserveRequest, options: CallOptions & { readonly idempotencyKey: string }): Promise<Grant> {
    try {
      return await this.#authority.budget.reserve(this.#bytes, request, options);
    } catch (error) {
      if (!AP2GuardDenied.isInstance(error)) this.#mayStand = true;
      throw error;
    }
  }

  /** Whether a reservation may stand under the reserve's key: an answer to it was lost. */
  get mayStand(): boolean {
    return this.#mayStand;
  }

  prepare(
    grant: Grant,
    intent: Intent,
    { recordedAtMs }: { readonly idempotencyKey: string; readonly recordedAtMs: number },
  ): SettlementInstruction {
    const { scope, suffix, reserveBody } = this.#bytes;
    const base = { target: this.target, scope, suffix, reserveBody, reservationId: grant.id, recordedAtMs };
    return this.#authority.budget.prepare(base, intent);
  }

  settle(instruction: SettlementInstruction, options?: CallOptions): Promise<SettleAttempt> {
    return this.#authority.settle(instruction, options);
  }
}
