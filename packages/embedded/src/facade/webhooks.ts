import type { Webhook } from "../governance/webhook.ts";
import type { WebhookInfo, Webhooks } from "../governance/webhooks.ts";
import type { Ledger } from "../ledger/ledger.ts";

/** What an operator does to webhooks; there with the option `governance`. */
export class WebhookGroup {
  readonly #ledger: Ledger;
  readonly #webhooks: Webhooks;

  constructor(ledger: Ledger, webhooks: Webhooks) {
    this.#ledger = ledger;
    this.#webhooks = webhooks;
  }

  /**
   * Delivers events to a URL from now on. It is not stored, because its secret must not be: add it again at every start,
   * and what waited for it under its id is delivered.
   * @throws ConfigurationError for one that cannot be used; LedgerRefusal.
   */
  add(webhook: Webhook): Promise<void> {
    return this.#ledger.durably(() => this.#webhooks.add(webhook));
  }

  /** Forgets a webhook; what waited for it is not sent any more. */
  remove(id: string): Promise<void> {
    return this.#ledger.durably(() => this.#webhooks.remove(id));
  }

  /** Stops a webhook's deliveries; what comes meanwhile is not queued. */
  pause(id: string): Promise<void> {
    return this.#ledger.durably(() => this.#webhooks.pause(id));
  }

  /** Delivers again, after a pause or after too many failures. */
  resume(id: string): Promise<void> {
    return this.#ledger.durably(() => this.#webhooks.resume(id));
  }

  /** Every subscription and its state, without its secret. */
  list(): Promise<WebhookInfo[]> {
    return this.#ledger.durably(() => this.#webhooks.list());
  }
}
