import { type Amount, usdMicrocents } from "@imprest/core";
import { type Counts, type Tariff, noCounts } from "./prices.ts";
import type { WireName } from "./wires/wire.ts";

/** One request that reached the provider, and what it is charged. */
export interface ModelCall {
  readonly wire: WireName;
  /** As the request names it; empty where it names none. */
  readonly model: string;
  readonly path: string;
  /** What arrived, without the secrets among it. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The script that the request names, and which of its requests this is, counted from 1. */
  readonly script: string | undefined;
  readonly attempt: number;
  /** The status of the answer; `undefined` where there was none. */
  readonly status: number | undefined;
  /**
   * `answered`: to its end. `refused`: a status that is an error. `lost`: the provider's end of the connection broke. `left`:
   * the client gave up. `working`: it goes on.
   */
  readonly state: "working" | "answered" | "refused" | "lost" | "left";
  /** What is charged, by kind. */
  readonly counts: Readonly<Counts>;
  readonly billed: Amount;
}

type Arrival = Pick<ModelCall, "wire" | "model" | "path" | "headers" | "body" | "script" | "attempt">;

/** A call that is under way. */
export interface OpenCall {
  charge(tariff: Tariff, counts: Partial<Counts>): void;
  answerWith(status: number): void;
  end(state: Exclude<ModelCall["state"], "working">): void;
}

/** The provider's books. */
export interface CallLog {
  open(arrival: Arrival, bytes: number): OpenCall;
  /** All that was ever charged, forgotten calls included. */
  bill(): Amount;
  /** The latest calls, oldest first. */
  calls(): readonly ModelCall[];
}

/** The bodies that are kept, in all: a test that sends more keeps the latest. */
const mostBytes = 64 * 1_048_576;

/** @param most how many calls are remembered. */
export function createCallLog(most: number): CallLog {
  const kept: { readonly call: ModelCall; readonly bytes: number }[] = [];
  let bytesKept = 0;
  let total = 0n;
  return {
    open(arrival, bytes) {
      const call: { -readonly [Member in keyof ModelCall]: ModelCall[Member] } = {
        ...arrival,
        status: undefined,
        state: "working",
        counts: noCounts(),
        billed: usdMicrocents(0),
      };
      kept.push({ call, bytes });
      bytesKept += bytes;
      while (kept.length > most || (bytesKept > mostBytes && kept.length > 1)) bytesKept -= kept.shift()?.bytes ?? 0;
      return {
        charge(tariff, counts) {
          const sums: Counts = { ...call.counts };
          for (const [kind, count] of Object.entries(counts)) sums[kind as keyof Counts] += count;
          const billed = tariff.charge(sums);
          total += billed.amount - call.billed.amount;
          call.counts = sums;
          call.billed = billed;
        },
        answerWith(status) {
          call.status = status;
        },
        end(state) {
          if (call.state === "working") call.state = state;
        },
      };
    },
    bill: () => usdMicrocents(total),
    calls: () => kept.map(({ call }) => ({ ...call })),
  };
}
