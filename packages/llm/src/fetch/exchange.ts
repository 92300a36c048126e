import { type Clock, TimeoutError, systemClock } from "@imprest/core";
import { Patience, onAbort, raceAbort } from "@imprest/core/internal";
import { answersAsked } from "../usage/answers-asked.ts";
import type { Admitted, Guard } from "./admit.ts";
import { StreamedAnswer, WholeAnswer, isProvidersError } from "./answer.ts";
import type { Outgoing } from "./outgoing.ts";
import { type ReadBytes, parsed, readBounded, readUpTo } from "./read-bounded.ts";
import { sendGuarded } from "./redirects.ts";
import { SettledCall } from "./settled-call.ts";
import { isBag } from "./wires/wire.ts";

/** The longest error, and the longest answer to a background request, that is read. */
const longestError = 1024 * 1024;
/** The longest answer that is read whole; a longer one passes through unread. */
const longestWhole = 64 * 1024 * 1024;
/** How far a stream is read ahead of its reader: most are settled then although their reader has gone. */
const readAhead = 256 * 1024;
/** What may be held back for the settlement once the usage is known: where more follows, or nothing for so long, it is handed out. */
const longestHeld = 64 * 1024;
const holdMs = 1_000;
/** What describes bytes that are not the ones handed out: `fetch` has decoded them. */
const ofTheWire = ["content-encoding", "content-length", "transfer-encoding"];

/** Sends one admitted request, hands out its answer, and has it settled by what became of it. */
export class Exchange {
  readonly #guard: Guard;
  readonly #admitted: Admitted;
  readonly #outgoing: Outgoing;
  readonly #settled: SettledCall;
  readonly #leaving = new AbortController();
  readonly #patience: Patience;
  #unlink: readonly (() => void)[] = [];
  #isOver = false;

  constructor(guard: Guard, admitted: Admitted, outgoing: Outgoing) {
    this.#guard = guard;
    this.#admitted = admitted;
    this.#outgoing = outgoing;
    this.#settled = new SettledCall(guard, admitted);
    this.#patience = new Patience(guard.authority.environment?.clock ?? systemClock, guard.options);
  }

  async run(): Promise<Response> {
    const { authority, options } = this.#guard;
    // The reservation's own signal adds the parent's, and the loss of its lease.
    const hasOwn = options.leaseLoss === "cancel" || authority.environment?.context !== undefined;
    const signals = [this.#outgoing.signal, hasOwn ? this.#admitted.reservation.signal : undefined];
    this.#unlink = signals.map((signal) => onAbort(signal, () => this.#leaving.abort(signal?.reason)));
    this.#patience.onExhausted = (error) => this.#leaving.abort(error);
    this.#patience.begin();
    try {
      const response = await this.#send();
      return await this.#answered(response);
    } catch (error) {
      await this.#settled.settle({ kind: "failed", error });
      this.#end();
      throw this.#reason(error);
    }
  }

  async #send(): Promise<Response> {
    const { method, headers, rest, target } = this.#outgoing;
    const { bytes, isChanged } = this.#admitted;
    const { signal } = this.#leaving;
    if (signal.aborted) await this.#settled.settle({ kind: "unsent" });
    signal.throwIfAborted();
    if (isChanged) headers.delete("content-length");
    const send = this.#guard.options.fetch ?? globalThis.fetch;
    const sending = sendGuarded(send, target, { ...rest, method, headers, body: bytes, signal });
    return raceAbort(sending, signal, "The request").catch((error: unknown) => {
      // A fetch that ignores its signal may answer yet.
      const late = sending.then(({ body }) => body?.cancel());
      late.catch(() => {});
      throw error;
    });
  }

  async #answered(response: Response): Promise<Response> {
    const { ok, status, body, headers } = response;
    const { signal } = this.#leaving;
    const { isDetached, hidesUsage, call } = this.#admitted;
    const isStream = headers.get("content-type")?.includes("text/event-stream") === true;
    // A page is told of a redirect and no more; nobody has answered.
    if (response.type === "opaqueredirect") {
      await this.#settled.settle({ kind: "answered", status: 302 });
      this.#end();
      return response;
    }
    if (!ok) {
      // Read whole, because its body says whose error it is.
      const bytes = await readBounded(body, longestError, signal).catch(() => undefined);
      const seen = new WholeAnswer(call.wire, bytes, bytes?.length ?? 0);
      const isError = isProvidersError(bytes && parsed(bytes));
      await this.#settled.settle({ kind: "answered", status, isError, saysRetry: headers.has("retry-after") }, seen);
      this.#end();
      return rebuilt(response, bytes ?? null);
    }
    if (isDetached) {
      // Whoever settles it has the reservation before the caller has the answer.
      const bytes = isStream ? undefined : await readBounded(body, longestError, signal);
      const answer = bytes && parsed(bytes);
      await this.#settled.handOver(isBag(answer) ? answer : undefined);
      this.#end();
      return isStream ? response : rebuilt(response, bytes ?? null);
    }
    if (isStream && body)
      return rebuilt(
        response,
        this.#through(body.getReader(), new StreamedAnswer(call.wire, hidesUsage, answersAsked(call.body))),
      );
    const read = await readUpTo(body, longestWhole, signal);
    const { bytes, more } = read;
    await this.#settled.settleBy(
      new WholeAnswer(call.wire, more ? undefined : bytes, bytes.length, answersAsked(call.body)),
      "ended",
    );
    this.#end();
    return rebuilt(response, more ? unread(read) : bytes);
  }

  /** A stream's bytes as they come. Those with which it ends wait for the settlement. */
  #through(reader: ReadableStreamDefaultReader<Uint8Array>, answer: StreamedAnswer): ReadableStream<Uint8Array> {
    const { signal } = this.#leaving;
    const breakOff = async (error: unknown): Promise<void> => {
      this.#end();
      reader.cancel(error).catch(() => {});
      await this.#settled.settleBy(answer, "broken");
    };
    const clock = this.#guard.authority.environment?.clock ?? systemClock;
    let reading: ReturnType<typeof reader.read> | undefined;
    let holds = true;
    /** The chunk that is being read, or `undefined` where none comes while bytes are held. */
    const readOrGiveUp = async (): Promise<Awaited<typeof reading>> => {
      const { promise: silence, clear } = after(clock, holdMs);
      return Promise.race([reading, silence]).finally(clear);
    };
    /** The next bytes that may be handed out; the last ones without `isOpen`. */
    const next = async (): Promise<{ readonly bytes: readonly Uint8Array[]; readonly isOpen: boolean }> => {
      const held: Uint8Array[] = [];
      let length = 0;
      for (;;) {
        reading ??= reader.read();
        const came = await (length > 0 ? readOrGiveUp() : reading);
        // What has been cancelled ends as if it were whole.
        if (this.#isOver) throw signal.reason;
        if (came === undefined) {
          holds = false;
          return { bytes: held, isOpen: true };
        }
        reading = undefined;
        const { done, value } = came;
        if (done) held.push(...answer.end());
        const { bytes, state } = done ? { bytes: [], state: "last" } : answer.take(value);
        held.push(...bytes);
        length = bytes.reduce((sum, chunk) => sum + chunk.length, length);
        holds &&= length <= longestHeld;
        if (state === "last") await this.#settled.settleBy(answer, "ended");
        const waits = holds && state === "complete" && !this.#settled.isDecided;
        // A pull that brings nothing is not repeated.
        if (done || (!waits && length > 0)) return { bytes: held, isOpen: !done };
      }
    };
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          onAbort(signal, () => {
            if (this.#isOver) return;
            void breakOff(signal.reason).then(() => controller.error(this.#reason(signal.reason)));
          });
        },
        pull: async (controller) => {
          this.#patience.goOn();
          try {
            const { bytes, isOpen } = await next();
            for (const chunk of bytes) if (chunk.length > 0) controller.enqueue(chunk);
            if (isOpen) {
              // The idle time runs until the reader pulls again.
              if ((controller.desiredSize ?? 0) <= 0) this.#patience.wait();
              return;
            }
            this.#end();
            controller.close();
          } catch (error) {
            await breakOff(error);
            controller.error(this.#reason(error));
          }
        },
        cancel: breakOff,
      },
      new ByteLengthQueuingStrategy({ highWaterMark: readAhead }),
    );
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

function after(clock: Clock, ms: number): { readonly promise: Promise<undefined>; readonly clear: () => void } {
  let clear = (): void => {};
  const promise = new Promise<undefined>((resolve) => {
    const timer = clock.setTimer(() => resolve(undefined), ms, true);
    clear = () => timer.clear();
  });
  return { promise, clear: () => clear() };
}

/** An answer that is too long to be read: what was read of it, and the rest as it comes. */
function unread({ bytes, more }: ReadBytes): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes),
    async pull(controller) {
      const next = await more?.read();
      if (next?.value) controller.enqueue(next.value);
      else controller.close();
    },
    cancel: (reason) => more?.cancel(reason),
  });
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
