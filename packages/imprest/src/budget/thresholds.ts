import type { Observer } from "@imprest/core";
import type { Balance } from "./balance.ts";

/** The spend reached a share of the limit. */
export interface ThresholdEvent {
  /** In percent of the limit. */
  readonly threshold: number;
  readonly balance: Balance;
}

/** What to watch for. */
interface Watch {
  readonly thresholds?: readonly number[] | undefined;
  readonly emit: (event: ThresholdEvent) => unknown;
}

/**
 * Reads the balance after each settlement, and emits the highest share that was reached since. A spend that falls, because
 * the budget began anew, makes each share count again.
 * @returns the function that ends it.
 */
export function watchThresholds(
  observer: Observer,
  readBalance: () => Promise<Balance>,
  { thresholds = [80, 95, 100], emit }: Watch,
): () => void {
  const rising = thresholds.toSorted((one, other) => one - other);
  let reached = 0;
  let isReading = false;
  let isStale = false;

  const look = async (): Promise<void> => {
    const balance = await readBalance();
    const { limit, spent } = balance;
    const now = rising.filter((percent) => spent.amount * 100n >= limit.amount * BigInt(percent)).length;
    const threshold = rising[now - 1];
    const isNews = now > reached;
    reached = now;
    if (isNews && threshold !== undefined) await emit({ threshold, balance });
  };

  return observer.on("settlement", async ({ settlement: { status } }) => {
    if (status !== "committed" && status !== "recorded") return;
    isStale = true;
    if (isReading) return;
    isReading = true;
    try {
      // What settled while the balance was read is in the next reading.
      while (isStale) {
        isStale = false;
        await look();
      }
    } finally {
      isReading = false;
    }
  });
}
