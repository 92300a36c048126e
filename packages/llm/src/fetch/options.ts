import type { Amount, DeniedError, ReservationOptions, StreamOptions, Subject } from "@imprest/core";
import type { CountedPrefixes, GuardPrices } from "./call-cost.ts";
import type { Bag } from "./wires/wire.ts";

/** One request to a provider, as the guard's callbacks see it. */
export interface GuardedRequest {
  /** How it is spoken: `openai-chat`, `anthropic`, … */
  readonly wire: string;
  readonly model: string;
  readonly url: URL;
  /** The JSON object that is sent, or the text fields of a form. */
  readonly body: Bag;
}

/** What somebody may want to look at. Emitted beside the kernel's own events. */
export type GuardReport =
  /** An answer came without a usage that has a price: an upper bound was committed. `error` says what was wrong with it. */
  | ({ readonly kind: "usage-unknown"; readonly error: unknown } & ReportedCall)
  /** A call waits for others to settle, because they hold the money. */
  | { readonly kind: "waiting"; readonly wire: string; readonly model: string; readonly denial: DeniedError }
  /** `settleLater` threw: the estimate was committed. */
  | ({ readonly kind: "settler-failed"; readonly error: unknown } & ReportedCall);

interface ReportedCall {
  readonly wire: string;
  readonly model: string;
  readonly reservationId: string;
}

/** How `guardFetch` works. */
export interface GuardFetchOptions
  extends
    Pick<ReservationOptions, "failOpen" | "leaseLoss" | "onSettlement" | "timeoutMs" | "honours">,
    Pick<StreamOptions<never>, "idleMs" | "longestMs"> {
  /** What models cost: a `PriceTable`. A model without a price is refused before anything is sent. */
  readonly prices: GuardPrices;
  /** The `fetch` that sends; the global one by default. */
  readonly fetch?: typeof fetch | undefined;
  /** Who spends, or a function that finds out from the code's own context; a request's `imprest-` headers win. */
  readonly subject?: Subject | (() => Subject | undefined) | undefined;
  /** Tags of every reservation, beside the wire's name and `attempt`. */
  readonly tags?: readonly string[] | undefined;
  /** The most a request can cost, where you know better than the price table; `undefined` leaves it to the table. */
  readonly estimate?: ((request: GuardedRequest) => Amount | undefined) | undefined;
  /** A tokenizer, as `estimateRequest` takes it. */
  readonly tokens?: ((text: string) => number) | undefined;
  /** Input tokens that requests do not hold themselves, as `estimateRequest` takes it. */
  readonly extraInputTokens?: number | undefined;
  /** How often what is charged apiece may be, where a request sets no limit, as `estimateRequest` takes it: `{ webSearch: 10 }`. */
  readonly extraUnits?: Readonly<Record<string, number>> | undefined;
  /** Remembers what providers counted, so that the next turn of a conversation is bounded closely: `createPrefixMap()`. */
  readonly prefixes?: CountedPrefixes | undefined;
  /** Whether a model thinks without showing it; by default by its name and the request. Then what is seen bounds nothing. */
  readonly hidesReasoning?: ((model: string) => boolean) | undefined;
  /** Further statuses behind which the provider may charge. */
  readonly billedStatuses?: readonly number[] | undefined;
  /** Requests that cost nothing, beside those that the guard knows. */
  readonly isFree?: ((url: URL, method: string) => boolean) | undefined;
  /**
   * Settles a background response or a batch, which is refused without it: keep `exported`, and `adopt` it when the work is
   * done. Awaited before the answer is handed out. `answer` is the provider's, where it is JSON.
   */
  readonly settleLater?:
    | ((exported: string, request: GuardedRequest, answer: Bag | undefined) => void | PromiseLike<void>)
    | undefined;
  /** How long a call waits for money that other calls hold, in milliseconds; 30,000 by default, 0 for not at all. */
  readonly waitMs?: number | undefined;
  /** Receives what somebody may want to look at. */
  readonly onReport?: ((report: GuardReport) => unknown) | undefined;
}
