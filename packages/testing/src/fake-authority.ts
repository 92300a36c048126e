import {
  type Attempt,
  type Cap,
  type Environment,
  type Grant,
  type Lease,
  Observer,
  type RecordStore,
  type ReserveRequest,
  type SettlementInstruction,
  type SpendAuthority,
  type SpendEvents,
  memoryRecordStore,
} from "@imprest/core";
import { stringifyJson } from "@imprest/core/internal";
import { type ManualClock, createManualClock } from "./manual-clock.ts";

/** What a fake authority answers; a grant without a lease and settled at once where nothing is said. */
export interface FakeAuthorityOptions {
  /** Answers to `reserve`, in turn; the last one repeats. */
  readonly reserve?: readonly (() => Partial<Grant> | Promise<Partial<Grant>>)[];
  /** Answers to `settle`, in turn; the last one repeats. */
  readonly settle?: readonly ((
    instruction: SettlementInstruction,
    signal?: AbortSignal,
  ) => Attempt | Promise<Attempt>)[];
  /** Answers to `extend`, in turn; the last one repeats. Without it the authority cannot extend. */
  readonly extend?: readonly (() => Lease | Promise<Lease>)[];
  /** The caps of every grant. */
  readonly caps?: readonly Cap[];
  /** The lease of every grant; without it a grant does not expire. */
  readonly lease?: Lease;
  /** `true` by default: settlements are recorded and retried. */
  readonly durable?: boolean;
  /** Throws what `prepare` is to throw, as a wire that refuses a spend. */
  readonly prepare?: () => never;
  /** A store that several fake authorities share; memory by default. */
  readonly records?: RecordStore;
  readonly dedupeHorizonMs?: Readonly<Record<string, number>>;
  /** Takes the place of what the fake authority has itself: clock, records, observer. */
  readonly environment?: Environment;
}

/** An authority whose answers a test writes, and which keeps every call. */
export interface FakeAuthority extends SpendAuthority {
  readonly clock: ManualClock;
  readonly records: RecordStore;
  /** What was asked of it, in order: `"reserve"`, `"extend"`, and each settlement's mode. */
  readonly calls: string[];
  /** The idempotency keys of reserves and extensions, in order. */
  readonly keys: string[];
  /** Every settlement that reached it, repeats included. */
  readonly settled: SettlementInstruction[];
  /** What the kernel emitted. */
  readonly events: { readonly name: keyof SpendEvents; readonly event: SpendEvents[keyof SpendEvents] }[];
  /** Every reserve request that reached it. */
  readonly requests: ReserveRequest[];
  /** The events of one name. */
  named<Name extends keyof SpendEvents>(name: Name): SpendEvents[Name][];
}

/** The answer to a settlement that the authority takes. */
export const committed = (instruction: SettlementInstruction): Attempt => ({
  settled: {
    status: instruction.kind === "commit" ? "committed" : "released",
    reservationId: instruction.reservationId,
    idempotencyKey: instruction.idempotencyKey,
  },
});

/**
 * An authority in memory whose answers come in the order of `options`, with a clock that the test moves.
 * @example
 * const authority = fakeAuthority({ settle: [() => ({ retry: new ConnectionError("reset") }), committed] });
 * await withReservation(authority, request, () => "done", { spend: () => usd("0.01") });
 * await authority.clock.advance(30_000);
 * expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
 */
export function fakeAuthority(options: FakeAuthorityOptions = {}): FakeAuthority {
  const clock = createManualClock();
  const records = options.environment?.records ?? options.records ?? memoryRecordStore();
  const observer = options.environment?.observer ?? new Observer();
  const calls: string[] = [];
  const keys: string[] = [];
  const settled: SettlementInstruction[] = [];
  const requests: ReserveRequest[] = [];
  const events: FakeAuthority["events"] = [];
  for (const name of [
    "decision",
    "extend",
    "lease-lost",
    "retry",
    "settlement",
    "dead-letter",
    "bypass",
    "record-failure",
  ] as const) {
    observer.on(name, (event) => events.push({ name, event }));
  }
  let granted = 0;
  const turn = <Step>(steps: readonly Step[] | undefined, at: number): Step | undefined =>
    steps?.[Math.min(at, steps.length - 1)];
  const counts = { reserve: 0, settle: 0, extend: 0 };

  return {
    protocol: "fake",
    target: "fake:test",
    durable: options.durable ?? true,
    environment: {
      clock,
      records,
      observer,
      random: (length) => new Uint8Array(length).fill(128),
      ...options.environment,
    },
    ...(options.dedupeHorizonMs && { dedupeHorizonMs: options.dedupeHorizonMs }),
    clock,
    records,
    calls,
    keys,
    settled,
    events,
    requests,
    named: <Name extends keyof SpendEvents>(wanted: Name) =>
      events.filter(({ name }) => name === wanted).map(({ event }) => event as SpendEvents[Name]),
    async reserve(asked, { idempotencyKey }) {
      calls.push("reserve");
      keys.push(idempotencyKey);
      requests.push(asked);
      const answer = await turn(options.reserve, counts.reserve++)?.();
      granted += 1;
      const caps = options.caps ?? [];
      return {
        id: `rsv_${granted}`,
        decision: caps.length > 0 ? "ALLOW_WITH_CAPS" : "ALLOW",
        reserved: asked.estimate,
        caps,
        ...(options.lease && { lease: options.lease }),
        request: asked,
        wire: {},
        ...answer,
      };
    },
    ...(options.extend && {
      async extend(_grant: Grant, by: { readonly ms: number; readonly idempotencyKey: string }) {
        calls.push("extend");
        keys.push(by.idempotencyKey);
        const lease = await turn(options.extend, counts.extend++)?.();
        return lease ?? { ttlMs: by.ms };
      },
    }),
    prepare(grant, intent, stamp) {
      options.prepare?.();
      const body =
        intent.kind === "commit"
          ? stringifyJson({ amount: intent.spend.amount.amount, basis: intent.spend.basis })
          : stringifyJson({ reason: intent.reason.text });
      return {
        protocol: "fake",
        target: "fake:test",
        reservationId: grant.id,
        kind: intent.kind,
        mode: intent.kind,
        body,
        notBeforeMs: 0,
        ...stamp,
      };
    },
    async settle(instruction, call) {
      calls.push(instruction.mode);
      settled.push(instruction);
      return (turn(options.settle, counts.settle++) ?? committed)(instruction, call?.signal);
    },
  };
}
