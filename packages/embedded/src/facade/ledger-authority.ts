import { type Clock, systemClock } from "@imprest/core";
import { LedgerSpendAuthority, type SpendAuthorityOptions } from "../authority/spend-authority.ts";
import { type ActionRules, admissionBy } from "../ledger/admission.ts";
import type { Admit } from "../ledger/admit.ts";
import { checkLedgerOptions } from "../ledger/check-options.ts";
import type { FactListener } from "../ledger/facts.ts";
import { Ledger, type LedgerOptions } from "../ledger/ledger.ts";
import { assertName } from "../ledger/scopes.ts";
import { BudgetGroup } from "./budgets.ts";
import { LedgerTenantGroup } from "./ledger-tenants.ts";
import { listenOnceDurable } from "./listen-once-durable.ts";

/** How a `LedgerAuthority` is made, but for rules on kinds of action. */
export interface PlainLedgerOptions extends Omit<LedgerOptions, "observedTenants"> {
  /** Called with every fact once it is durable. What it throws is its own. */
  readonly onFact?: FactListener | undefined;
}

/** How a `LedgerAuthority` is made. */
export interface LedgerAuthorityOptions extends PlainLedgerOptions, ActionRules {}

/**
 * A budget authority for code in the same process: one ledger and no wire. The operator's methods resolve once what they
 * did is durable, and reject with `LedgerRefusal` for what cannot be done.
 */
export class LedgerAuthority {
  readonly budgets: BudgetGroup;
  readonly tenants: LedgerTenantGroup;
  readonly #ledger: Ledger;
  readonly #clock: Clock;

  /**
   * @param admit the rules on kinds of action, of `admissionBy`; every kind without them.
   * @throws ConfigurationError, and LedgerUnavailableError when the store cannot be read.
   */
  constructor({ onFact, ...options }: PlainLedgerOptions = {}, admit?: Admit) {
    checkLedgerOptions(options);
    this.#clock = options.clock ?? systemClock;
    const ledger = new Ledger(options, admit);
    this.#ledger = ledger;
    this.budgets = new BudgetGroup(ledger);
    this.tenants = new LedgerTenantGroup(ledger);
    listenOnceDurable(ledger, onFact);
  }

  /** The kernel's port onto one tenant's budgets. */
  authority(options: SpendAuthorityOptions): LedgerSpendAuthority {
    assertName(options.tenant, "The tenant");
    return new LedgerSpendAuthority({ ledger: this.#ledger, signer: undefined }, { clock: this.#clock, ...options });
  }

  /** Resolves once everything is durable and the store is closed. Calls that come later fail. */
  close(): Promise<void> {
    return this.#ledger.close();
  }

  /** `await using`: as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * @throws ConfigurationError, and LedgerUnavailableError when the store cannot be read.
 * @example
 * const ledger = createLedgerAuthority();
 * await ledger.budgets.create({ scope: { tenant: "acme" }, allocated: usd("5.00") });
 * const authority = ledger.authority({ tenant: "acme" });
 */
export function createLedgerAuthority(options: LedgerAuthorityOptions = {}): LedgerAuthority {
  return new LedgerAuthority(options, admissionBy(options));
}
