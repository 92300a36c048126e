import type { Observer, Settlement } from "@imprest/core";
import type { Witness } from "../stage.ts";
import type { CallPlan, CallsPlan } from "./plan.ts";

/** What is true of one call, whatever the books say. */
export interface CallHistory {
  readonly plan: CallPlan;
  /** What its body, its price or its adopters stated in all: it was paid. */
  stated: bigint;
  isStarted: boolean;
  /** Whether the process died, or was not there, while something of the call was under way. */
  isCrashed: boolean;
  /** How the call ended for its caller: a value, or the name of an error. */
  outcome: string | undefined;
  /** Whether the body ended well: a stream read to its end, a function that returned. */
  hasEnded: boolean;
  reservationId: string | undefined;
  /** What had been stated when a settlement of it first left its process: a record of that stands by then. */
  recorded: bigint;
}

/** What happened in a run. */
export class History implements Witness {
  readonly calls: readonly CallHistory[];
  readonly settlements: Settlement[] = [];
  /** Reservations of which a record could not be written, and of which that was emitted. */
  readonly unrecorded: Set<string> = new Set();
  /** Calls under way in each process, so that its death marks them. */
  readonly #underWay = new Map<number, Set<CallHistory>>();

  constructor({ calls }: CallsPlan) {
    this.calls = calls.map((plan) => ({
      plan,
      stated: 0n,
      isStarted: false,
      isCrashed: false,
      outcome: undefined,
      hasEnded: false,
      reservationId: undefined,
      recorded: 0n,
    }));
  }

  listen(observer: Observer): void {
    observer.on("settlement", ({ settlement }) => void this.settlements.push(settlement));
    observer.on("record-failure", ({ reservationId }) => void this.unrecorded.add(reservationId));
  }

  /** A request leaves a process. */
  sent(url: string, body: string): void {
    if (!/\/(?:commit|Commit)$|\/v1\/events$/.test(url)) return;
    for (const call of this.calls) {
      const { reservationId: id } = call;
      if (id !== undefined && call.recorded === 0n && (url.includes(id) || body.includes(id)))
        call.recorded = call.stated;
    }
  }

  /** From now until `left` the call needs this process. */
  enter(worker: number, call: CallHistory): { readonly left: () => void } {
    const calls = this.#underWay.get(worker) ?? new Set();
    this.#underWay.set(worker, calls);
    calls.add(call);
    return { left: () => void calls.delete(call) };
  }

  died(worker: number): void {
    for (const call of this.#underWay.get(worker) ?? []) call.isCrashed = true;
    this.#underWay.delete(worker);
  }
}
