import { type Amount, adopt } from "@imprest/core";
import { type Admitted, type Guard, countedAs, report } from "./admit.ts";
import type { Seen } from "./answer.ts";
import { costOf, greatest, leastOf, seenCost, usageMetrics } from "./call-cost.ts";
import { type Outcome, rowOf } from "./settlement.ts";
import type { Bag } from "./wires/wire.ts";

/** The settlement of one call: once, by the first outcome. */
export class SettledCall {
  readonly #guard: Guard;
  readonly #admitted: Admitted;
  #done: Promise<void> | undefined;

  constructor(guard: Guard, admitted: Admitted) {
    this.#guard = guard;
    this.#admitted = admitted;
  }

  /** True once something has been decided. */
  get isDecided(): boolean {
    return this.#done !== undefined;
  }

  /** Settles by what became of the call, and what was seen of its answer. Never rejects: the kernel keeps what it could not settle. */
  settle(outcome: Outcome, seen?: Seen): Promise<void> {
    this.#done ??= this.#settle(outcome, seen).catch(() => {});
    return this.#done;
  }

  /** An answer that came: `ended` as a whole, or `broken` off. */
  settleBy(seen: Seen, kind: "ended" | "broken"): Promise<void> {
    const { isDone, isError } = seen;
    // An end without its usual signs is one of the connection, not of the answer.
    return this.settle({ kind: isDone ? kind : "broken", isDone, isError }, seen);
  }

  /**
   * Hands the reservation to whoever settles it later; the estimate is committed where that fails. Never rejects: the
   * provider's answer has come, and its reader gets it.
   */
  async handOver(answer: Bag | undefined): Promise<void> {
    const { reservation, request, estimate } = this.#admitted;
    const exported = reservation.export();
    this.#done = Promise.resolve();
    try {
      await this.#guard.options.settleLater?.(exported, request, answer);
    } catch (error) {
      report(this.#guard, { kind: "settler-failed", error, ...this.#names() });
      await adopt(this.#guard.authority, exported)
        .then((adopted) => adopted.commit(estimate, { basis: "estimate" }))
        // The reservation runs out by its lease, and the report has its id.
        .catch(() => {});
    }
  }

  async #settle(outcome: Outcome, seen: Seen | undefined): Promise<void> {
    const { reservation, call, estimate, request } = this.#admitted;
    let cost: Amount | undefined;
    let error: unknown;
    try {
      cost = seen && costOf(call, seen);
    } catch (thrown) {
      error = thrown;
    }
    const row = rowOf(
      { ...outcome, isPriced: cost !== undefined, isStated: seen?.usage !== undefined },
      this.#guard.billed,
    );
    if (row.settle === "release") return void (await reservation.release(row.event));
    const metrics = { ...usageMetrics(seen?.usage), modelVersion: seen?.model };
    if (row.settle === "commit" && cost !== undefined) {
      const remembered = this.#guard.options.prefixes?.remember(countedAs(request), request.body, seen?.usage);
      await Promise.all([reservation.commit(cost, metrics), remembered?.catch(() => {})]);
      return;
    }
    if (row.isReported) report(this.#guard, { kind: "usage-unknown", error, ...this.#names() });
    const bound = seen !== undefined && row.settle === "seen" ? seenCost(call, seen, estimate) : estimate;
    const amount = greatest(bound, seen && leastOf(call, seen)) ?? estimate;
    await reservation.commit(amount, { ...metrics, basis: "estimate" });
  }

  #names(): { readonly wire: string; readonly model: string; readonly reservationId: string } {
    const { reservation, request } = this.#admitted;
    return { wire: request.wire, model: request.model, reservationId: reservation.id };
  }
}
