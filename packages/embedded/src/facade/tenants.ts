import type { ApiKeys } from "../access/api-keys.ts";
import { closeCorrelation } from "../governance/correlation-ids.ts";
import type { EventStream } from "../governance/event-stream.ts";
import type { Webhooks } from "../governance/webhooks.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { LedgerTenantGroup } from "./ledger-tenants.ts";

/** What closes with a tenant beside the ledger's own. */
export interface TenantParts {
  readonly apiKeys: ApiKeys;
  readonly webhooks: Webhooks | undefined;
  readonly events: EventStream;
}

/** What an operator does to tenants. */
export class TenantGroup extends LedgerTenantGroup {
  readonly #parts: TenantParts;

  constructor(ledger: Ledger, parts: TenantParts) {
    super(ledger);
    this.#parts = parts;
  }

  /**
   * Closes a tenant for good: its reservations are released, its budgets closed and its API keys revoked, in one step
   * (Cycles governance §CASCADE SEMANTICS). With `keepApiKeys` its keys still read, for an audit after the close.
   */
  override close(name: string, { keepApiKeys = false }: { readonly keepApiKeys?: boolean } = {}): Promise<void> {
    const { apiKeys, webhooks, events } = this.#parts;
    return this.ledger.durably(() => {
      const correlationId = closeCorrelation(name, this.ledger.closeTenant(name));
      webhooks?.disableAllOf(name, correlationId);
      if (keepApiKeys) return;
      for (const { id } of apiKeys.revokeAllOf(name)) {
        const data = { key_id: id, prior_status: "ACTIVE", new_status: "REVOKED", cascade_reason: "tenant_closed" };
        events.emit({ type: "api_key.revoked_via_tenant_cascade", tenant: name, data, correlationId });
      }
    });
  }
}
