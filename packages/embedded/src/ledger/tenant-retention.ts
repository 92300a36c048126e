import { type Expiring, ExpiryQueue } from "./expiry-queue.ts";
import { type RetentionBounds, RetentionQueue } from "./retention.ts";

/** What one tenant has remembered; due when its oldest entry becomes too old, or sooner. */
interface TenantQueue<Entry> extends Expiring {
  readonly tenant: string;
  readonly kept: RetentionQueue<Entry>;
}

/** Remembers tenant by tenant, each up to the same number: no tenant makes the ledger forget what another did. */
export class TenantRetention<Entry extends { readonly tenant: string }> {
  readonly #most: RetentionBounds<Entry>;
  readonly #forget: (entry: Entry) => void;
  readonly #queues = new Map<string, TenantQueue<Entry>>();
  /** The queues that hold something, so that pruning visits only those with something to forget. */
  readonly #due = new ExpiryQueue<TenantQueue<Entry>>();

  constructor(most: RetentionBounds<Entry>, forget: (entry: Entry) => void) {
    this.#most = most;
    this.#forget = forget;
  }

  /** Remembers `entry` from `atMs` on. */
  add(entry: Entry, atMs: number): void {
    const { tenant } = entry;
    let queue = this.#queues.get(tenant);
    if (queue === undefined) {
      const kept = new RetentionQueue(this.#most, this.#forget);
      queue = { tenant, kept, dueAtMs: atMs + this.#most.forMs, queuePosition: -1 };
      this.#queues.set(tenant, queue);
      this.#due.add(queue);
    }
    queue.kept.add(entry, atMs);
  }

  /** Forgets what has become too old at `nowMs`. */
  prune(nowMs: number): void {
    for (;;) {
      const queue = this.#due.first();
      if (queue === undefined || queue.dueAtMs >= nowMs) return;
      queue.kept.prune(nowMs);
      const { oldestAtMs } = queue.kept;
      if (oldestAtMs === undefined) {
        this.#due.remove(queue);
        this.#queues.delete(queue.tenant);
      } else {
        queue.dueAtMs = oldestAtMs + this.#most.forMs;
        this.#due.update(queue);
      }
    }
  }

  /**
   * For how many milliseconds before `nowMs` everything of a tenant is certainly still remembered. A queue that is full
   * may have dropped what is as old as its oldest entry; one that is not has dropped nothing but what was too old.
   */
  rememberedMs(tenant: string, nowMs: number): number {
    const kept = this.#queues.get(tenant)?.kept;
    if ((kept?.size ?? 0) < this.#most.entries) return this.#most.forMs;
    return Math.min(this.#most.forMs, Math.max(0, nowMs - (kept?.oldestAtMs ?? nowMs) - 1));
  }
}
