import type { Ledger } from "../ledger/ledger.ts";
import type { TenantInfo } from "../ledger/tenant.ts";

/** What an operator does to the tenants of a ledger. */
export class LedgerTenantGroup {
  protected readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** Makes a tenant's record; one that exists stands as it is. Budgets and keys make it too. */
  create(name: string): Promise<void> {
    return this.ledger.durably(() => this.ledger.createTenant(name));
  }

  /** Every tenant that has a record here, closed ones included, in no order. */
  list(): Promise<readonly TenantInfo[]> {
    return this.ledger.durably(() => this.ledger.listTenants());
  }

  /** Closes a tenant for good: its reservations are released and its budgets closed, in one step. */
  close(name: string): Promise<void> {
    return this.ledger.durably(() => void this.ledger.closeTenant(name));
  }
}
