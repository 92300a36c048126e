import { TimeoutError, adopt, systemClock } from "@imprest/core";
import { Patience, onAbort, raceAbort } from "@imprest/core/internal";
import type { Admitted, Guard } from "./admit.ts";
import { countedAs } from "./admit.ts";
import { type AnswerReader, type Seen, isProvidersError, readAnswer } from "./answer.ts";
import { costOf, greatest, leastOf, seenCost } from "./call-cost.ts";
import type { GuardReport } from "./options.ts";
import type { Outgoing } from "./outgoing.ts";
import { readBounded } from "./read-bounded.ts";
import { type Outcome, rowOf } from "./settlement.ts";
import { usageMetrics } from "./usage-metrics.ts";
import { type Bag, bag, isBag } from "./wires/wire.ts";

/** The longest error, and the longest answer to a background request, that is read. */
const longestError = 1024 * 1024;
/** How far an answer is read ahead of its reader: most are settled then although their reader has gone. */
const readAhead = 256 * 1024;
/** What describes bytes that are not the ones handed out: `fetch` has decoded them. */
const ofTheWire = ["content-encoding", "content-length", "transfer-encoding"];

/** Sends one admitted request, hands out its answer as it comes, and settles once by what became of it. */
export class Exchange {
  readonly #guard: Guard;
  readonly #admitted: Admitted;
  readonly #outgoing: Outgoing;
  readonly #leaving = new AbortController();
  readonly #patience: Patience;
  #unlink: readonly (() => void)[] = [];
  #settled: Promise<void> | undefined;
  #isOver = false;

  constructor(guard: Guard, admitted: Admitted, outgoing: Outgoing) {
    this.#guard = guard;
    this.#admitted = admitted;
    this.#outgoing = outgoing;
    this.#patience = new Patience(guard.authority.environment?.clock ?? systemClock, guard.options);
  }

  async run(): Promise<Response> {
    const leave = (signal: AbortSignal | undefined): (() => void) =>
      onAbort(signal, () => this.#leaving.abort(signal?.reason));
    this.#unlink = [leave(this.#outgoing.signal), leave(this.#admitted.reservation.signal)];
    this.#patience.onExhausted = (error) => this.#leaving.abort(error);
    this.#patience.begin();
    try {
      const response = await this.#send();
      if (!response.ok) return await this.#refused(response);
      if (this.#admitted.isDetached) return await this.#detached(response);
      return this.#passedThrough(response);
    } catch (error) {
      await this.#settle({ kind: "failed", error });
      this.#end();
      throw this.#reason(error);
    }
  }

  async #send(): Promise<Response> {
    const { method, headers, rest, target } = this.#outgoing;
    const { bytes, hidesUsage, call } = this.#admitted;
    if (hidesUsage || call.body !== this.#admitted.request.body) headers.delete("content-length");
    const send = this.#guard.options.fetch ?? globalThis.fetch;
    const { signal } = this.#leaving;
    const sending = send(target, { ...rest, method, headers, body: bytes, signal });
    try {
      return await raceAbort(sending, signal, "The request");
    } catch (error) {
      // A fetch that ignores its signal may answer yet.
      sending
        .then(
          ({ body }) => body?.cancel(),
          () => {},
        )
        .catch(() => {});
      throw error;
    }
  }

  /** An answer with an error status: read whole, because its body says whose error it is. */
  async #refused(response: Response): Promise<Response> {
    const { status } = response;
    const bytes = await readBounded(response.body, longestError, this.#leaving.signal).catch(() => undefined);
    const isJson = bytes !== undefined && isProvidersError(parsed(bytes));
    await this.#settle({ kind: "answered", status, isProvidersError: isJson });
    this.#end();
    return rebuilt(response, bytes ?? null);
  }

  /** The answer to what is worked on later: whoever settles it has the reservation before the caller has the answer. */
  async #detached(response: Response): Promise<Response> {
    const { reservation, request, estimate } = this.#admitted;
    const { authority, options } = this.#guard;
    const isJson = !/event-stream/.test(response.headers.get("content-type") ?? "");
    const bytes = isJson ? await readBounded(response.body, longestError, this.#leaving.signal) : undefined;
    const answer = bytes === undefined ? undefined : parsed(bytes);
    const exported = reservation.export();
    this.#settled = Promise.resolve();
    try {
      await options.settleLater?.(exported, request, isBag(answer) ? answer : undefined);
    } catch (error) {
      const adopted = await adopt(authority, exported);
      await adopted.commit(estimate, { basis: "estimate" }).catch(() => {});
      this.#report({ kind: "settler-failed", error, ...this.#names() });
    }
    this.#end();
    return isJson ? rebuilt(response, bytes ?? null) : response;
  }

  #passedThrough(response: Response): Response {
    const { call, hidesUsage } = this.#admitted;
    const answer = readAnswer(call.wire, response.headers.get("content-type") ?? "", hidesUsage);
    const body = response.body ?? new Response("").body;
    if (body === null) return response;
    return rebuilt(response, this.#through(body.getReader(), answer));
  }

  /** The answer's bytes as they come. Those with which it ends wait for the settlement. */
  #through(reader: ReadableStreamDefaultReader<Uint8Array>, answer: AnswerReader): ReadableStream<Uint8Array> {
    const { signal } = this.#leaving;
    const breakOff = async (error: unknown): Promise<void> => {
      this.#end();
      reader.cancel(error).catch(() => {});
      await this.#settle(outcomeOf(answer.seen, "broken"), answer.seen);
    };
    const next = async (): Promise<{ readonly bytes: readonly Uint8Array[]; readonly isEnd: boolean }> => {
      const held: Uint8Array[] = [];
      for (;;) {
        const { done, value } = await raceAbort(reader.read(), signal, "The answer");
        if (done) {
          held.push(...answer.end());
          await this.#settle(outcomeOf(answer.seen, "ended"), answer.seen);
          return { bytes: held, isEnd: true };
        }
        const { bytes, state } = answer.take(value);
        held.push(...bytes);
        if (state === "last") await this.#settle(outcomeOf(answer.seen, "ended"), answer.seen);
        const waits = state === "complete" && this.#settled === undefined;
        if (!waits && held.some(({ length }) => length > 0)) return { bytes: held, isEnd: false };
      }
    };
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          // A reader that has fallen silent asks for nothing, so that nobody waits where `next` would notice.
          onAbort(signal, () => {
            if (this.#isOver) return;
            void breakOff(signal.reason).then(() => controller.error(this.#reason(signal.reason)));
          });
        },
        pull: async (controller) => {
          this.#patience.goOn();
          try {
            const { bytes, isEnd } = await next();
            for (const chunk of bytes) if (chunk.length > 0) controller.enqueue(chunk);
            if (!isEnd) return this.#patience.wait();
            this.#end();
            controller.close();
          } catch (error) {
            if (!this.#isOver) await breakOff(error);
            await this.#settled;
            controller.error(this.#reason(error));
          }
        },
        cancel: (reason) => breakOff(reason),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: readAhead }),
    );
  }

  /** Settles once, by the first outcome. Never rejects: the kernel keeps what it could not settle. */
  #settle(outcome: Outcome, seen?: Seen): Promise<void> {
    this.#settled ??= this.#perform(outcome, seen).catch(() => {});
    return this.#settled;
  }

  async #perform(outcome: Outcome, seen: Seen | undefined): Promise<void> {
    const { reservation, call, estimate, request } = this.#admitted;
    const priced = seen && priceOf(() => costOf(call, seen));
    const row = rowOf(
      "isPriced" in outcome ? { ...outcome, isPriced: priced?.cost !== undefined } : outcome,
      this.#guard.billed,
    );
    if (row.settle === "release") return void (await reservation.release(row.event));
    const metrics = { ...usageMetrics(seen?.usage), ...(seen?.model !== undefined && { modelVersion: seen.model }) };
    if (row.settle === "commit" && priced?.cost !== undefined) {
      const remembered = this.#guard.options.prefixes?.remember(countedAs(request), request.body, seen?.usage);
      await Promise.all([reservation.commit(priced.cost, metrics), remembered?.catch(() => {})]);
      return;
    }
    const bound = seen !== undefined && row.settle === "seen" ? seenCost(call, seen, estimate) : estimate;
    const amount = greatest(bound, seen && leastOf(call, seen)) ?? estimate;
    if (row.isReported) this.#report({ kind: "usage-unknown", error: priced?.error, ...this.#names() });
    await reservation.commit(amount, { ...metrics, basis: "estimate" });
  }

  #names(): { readonly wire: string; readonly model: string; readonly reservationId: string } {
    const { reservation, request } = this.#admitted;
    return { wire: request.wire, model: request.model, reservationId: reservation.id };
  }

  /** A listener of the caller's must not break an answer. */
  #report(report: GuardReport): void {
    const { kind, ...fields } = report;
    this.#guard.authority.environment?.logger?.warn(`a model call was settled by a bound: ${kind}`, {
      ...bag(fields),
      error: undefined,
    });
    try {
      Promise.resolve(this.#guard.options.onReport?.(report)).catch(() => {});
    } catch {
      // As above.
    }
  }

  /** No timer and no listener stays. */
  #end(): void {
    this.#isOver = true;
    this.#patience.end();
    for (const unlink of this.#unlink) unlink();
    this.#unlink = [];
  }

  /** What the caller sees: the reason of its own signal, as of any `fetch`. */
  #reason(error: unknown): unknown {
    const { signal } = this.#leaving;
    if (!signal.aborted) return error;
    return TimeoutError.isInstance(signal.reason) ? signal.reason : (this.#outgoing.signal?.reason ?? signal.reason);
  }
}

function outcomeOf({ isStream, isDone, isError }: Seen, kind: "ended" | "broken"): Outcome {
  // An end without its usual signs is one of the connection, not of the answer.
  return { kind: isDone ? kind : "broken", isStream, isDone, isError, isPriced: false };
}

function priceOf(price: () => ReturnType<typeof costOf>): {
  readonly cost?: ReturnType<typeof costOf>;
  readonly error?: unknown;
} {
  try {
    return { cost: price() };
  } catch (error) {
    return { error };
  }
}

function parsed(bytes: Uint8Array): Bag | readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isBag(value) || Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The answer with another body; `Response.url` is kept, which SDKs read. */
function rebuilt(response: Response, body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null): Response {
  const { status, statusText, url, redirected } = response;
  const headers = new Headers(response.headers);
  for (const name of ofTheWire) headers.delete(name);
  const isBodiless = [204, 205, 304].includes(status);
  const copy = new Response(isBodiless ? null : body, { status, statusText, headers });
  return Object.defineProperties(copy, { url: { value: url }, redirected: { value: redirected } });
}
