import type { Clock, RecordStore, StoredRecord } from "@imprest/core";
import { AP2GuardError } from "../errors.ts";
import type { Identities } from "../idempotency-key.ts";
import { halfSha256Hex } from "../sha256.ts";
import { type Attempt, type PaymentRecord, readRecord, writeRecord } from "./attempt.ts";

/** Where the ledger stands in a store. */
export const recordPrefix = "ap2-payment:";
const linkPrefix = "ap2-link:";

/** Whether a scope is that of an open mandate; otherwise it is that of one purchase. */
export function isOpenMandate(scope: string): boolean {
  return scope.startsWith("ap2:open_mandate:");
}

/** The records of a store: which one keeps a purchase, and what the records say together. */
export class PaymentRecords {
  readonly records: RecordStore;
  readonly target: string;
  readonly clock: Clock;
  /** Of the target: one server has as many addresses as spellings, and a claim must be the same under each. */
  readonly #tenant: string;
  #pspTenant: Promise<string> | undefined;

  constructor(records: RecordStore, target: string, clock: Clock) {
    this.records = records;
    this.target = target;
    this.#tenant = tenantOf(target);
    this.clock = clock;
  }

  /** The record as it stands. @throws AP2GuardError when it cannot be read: that is no leave to pay. */
  read(stored: StoredRecord): PaymentRecord {
    const record = readRecord(stored.value);
    if (record !== undefined) return record;
    throw unreadable(stored.key);
  }

  /** The attempts of a record that this ledger's tenant made: an open mandate may be presented through several. */
  ownOf({ attempts, target: first }: PaymentRecord): readonly Attempt[] {
    return attempts.filter(({ target = first }) => tenantOf(target) === this.#tenant);
  }

  /** The record that keeps a purchase, under whichever of its identities it was tried. */
  async find({
    scope,
    transactionId,
    links,
  }: Identities): Promise<(StoredRecord & { readonly record: PaymentRecord }) | undefined> {
    const linked = await Promise.all([this.transaction(transactionId), ...links].map((link) => this.#linked(link)));
    let key: string | undefined = this.recordKey(linked.find((found) => found !== undefined) ?? scope);
    for (const path: string[] = []; ;) {
      path.push(key);
      const stored = await this.records.read(key);
      if (stored === undefined) return undefined;
      const record = this.read(stored);
      const on = record.elsewhere.find((one) => one.transactionId === transactionId)?.elsewhere.record;
      if (on === undefined || path.includes(on)) return { ...stored, record };
      key = on;
    }
  }

  /** Every attempt at a purchase that a record keeps, or that one keeps to which it moved on. */
  protected async attemptsAt(key: string, transactionId: string, path: readonly string[]): Promise<readonly Attempt[]> {
    const stored = path.includes(key) ? undefined : await this.records.read(key);
    if (stored === undefined) return [];
    const record = this.read(stored);
    const on = record.elsewhere.filter((one) => one.transactionId === transactionId);
    const moved = on.map(({ elsewhere: at }) => this.attemptsAt(at.record, transactionId, [...path, key]));
    return [
      ...record.attempts.filter((one) => one.transactionId === transactionId),
      ...(await Promise.all(moved)).flat(),
    ];
  }

  protected recordOf(scope: string, stored: StoredRecord | undefined): PaymentRecord {
    return stored ? this.read(stored) : { version: 1, scope, target: this.target, attempts: [], elsewhere: [] };
  }

  /** @returns the version, or `undefined` when another worker wrote since `stored` was read. */
  protected put(key: string, record: PaymentRecord, stored: StoredRecord | undefined): Promise<string | undefined> {
    const value = writeRecord(record);
    return stored ? this.records.replace(key, value, stored.version) : this.records.create(key, value);
  }

  /**
   * A transaction id is whatever its merchant chose, so two tenants may have the same; an open mandate is one mandate
   * whoever presents it, and through whichever tenant.
   */
  recordKey(scope: string): string {
    return isOpenMandate(scope) ? `${recordPrefix}${scope}` : `${recordPrefix}${scope}@${this.#tenant}`;
  }

  /** The tenant as the PSP's keys hold it: 16 hex digits; absent without a tenant. */
  protected async pspTenant(): Promise<string | undefined> {
    if (this.#tenant === "") return undefined;
    return (await (this.#pspTenant ??= halfSha256Hex(this.#tenant))).slice(0, 16);
  }

  /** What a link names, which is `scope` if nothing did. */
  protected async link(link: string, scope: string): Promise<string> {
    if ((await this.records.create(await linkKey(link), scope)) !== undefined) return scope;
    return (await this.#linked(link)) ?? scope;
  }

  /** A transaction id is whatever its merchant chose, so it names one purchase of one tenant. */
  protected transaction(transactionId: string): string {
    return `tx:${transactionId}@${this.#tenant}`;
  }

  async #linked(link: string): Promise<string | undefined> {
    const stored = await this.records.read(await linkKey(link));
    if (stored === undefined) return undefined;
    if (typeof stored.value === "string") return stored.value;
    throw unreadable(stored.key);
  }
}

function tenantOf(target: string): string {
  return target.split("#tenant=")[1] ?? "";
}

async function linkKey(link: string): Promise<string> {
  return `${linkPrefix}${await halfSha256Hex(link)}`;
}

/** A claim that cannot be read is no leave to pay. */
function unreadable(key: string): AP2GuardError {
  const message = `The payment record ${key} is not one that this version can read. Nothing was paid; look into the store.`;
  return new AP2GuardError("ERR_AP2_LEDGER", message);
}
