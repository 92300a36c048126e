import type { ApiKeyInfo, ApiKeys, NewApiKey } from "../access/api-keys.ts";
import type { EventStream } from "../governance/event-stream.ts";
import type { Ledger } from "../ledger/ledger.ts";

export interface ApiKeyParts {
  readonly ledger: Ledger;
  readonly apiKeys: ApiKeys;
  readonly events: EventStream;
}

/** What an operator does to the keys that callers of a wire present. */
export class ApiKeyGroup {
  readonly #parts: ApiKeyParts;

  constructor(parts: ApiKeyParts) {
    this.#parts = parts;
  }

  /** Binds a key to a tenant: the operator's own, or a fresh one. Only its hash is kept: it is returned this once. */
  create(request: NewApiKey): Promise<{ readonly id: string; readonly key: string }> {
    const { ledger, apiKeys, events } = this.#parts;
    return ledger.durably(() => {
      ledger.createTenant(request.tenant);
      const created = apiKeys.create(request);
      const data = { key_id: created.id, new_status: "ACTIVE" };
      events.emit({ type: "api_key.created", tenant: request.tenant, data });
      return created;
    });
  }

  /** Requests with that key are refused from now on. */
  revoke(id: string): Promise<void> {
    const { ledger, apiKeys, events } = this.#parts;
    return ledger.durably(() => {
      const { tenant, status } = apiKeys.revoke(id);
      if (status === "REVOKED") return;
      const data = { key_id: id, previous_status: status, new_status: "REVOKED" };
      events.emit({ type: "api_key.revoked", tenant, data });
    });
  }

  /** Ids and states; the keys themselves are not kept. */
  list(tenant: string): Promise<ApiKeyInfo[]> {
    const { ledger, apiKeys } = this.#parts;
    return ledger.durably(() => apiKeys.list(tenant));
  }
}
