import { usd, withReservation, withReservationStream } from "@imprest/core";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { type Checks, expectEqual, failureOf } from "../check.ts";
import { countingSignal } from "../counting-signal.ts";

const subject = { tenant: "acme" };
const request = { estimate: usd("0.0001"), action: { kind: "llm.completion", name: "model" } };
const calls = 25;

/** What is left behind by calls that are over: nothing. */
export const hygiene: Checks = {
  // Before any socket is opened: Node's HTTP client keeps timers of its own for the sockets it holds open.
  async "leaves no timer behind"() {
    const embedded = createEmbeddedAuthority();
    await embedded.budgets.create({ scope: subject, allocated: usd("1") });
    const authority = embedded.authority(subject);
    const { pending, restore } = countTimers();
    try {
      for (let at = 0; at < calls; at += 1) {
        await withReservation(authority, request, async () => "ran", { spend: () => usd("0.0001") });
        await failureOf(withReservation(authority, request, async () => Promise.reject(new Error("no"))));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      await embedded.close();
    } finally {
      restore();
    }
    expectEqual(pending(), 0);
  },

  async "leaves no listener on a caller's signal, however the call ends"({ cycles }) {
    const embedded = createEmbeddedAuthority();
    await embedded.budgets.create({ scope: subject, allocated: usd("1") });
    const remote = { baseUrl: cycles.url, apiKey: cycles.key, subject, allowBrowserCredentials: true };
    const client = new CyclesClient(remote);
    const { signal, left, everAdded } = countingSignal();
    for (const authority of [embedded.authority(subject), new CyclesAuthority(remote)]) {
      const options = { signal, spend: () => usd("0.0001") };
      for (let at = 0; at < calls; at += 1) {
        await withReservation(authority, request, async () => "ran", options);
        await failureOf(withReservation(authority, request, async () => Promise.reject(new Error("no")), options));
        await failureOf(withReservation(authority, { ...request, estimate: usd("9999") }, async () => "ran", options));
        const stream = withReservationStream(authority, request, () => chunks(), options);
        for await (const _ of stream) if (at % 2 === 0) break;
        await stream.settlement;
        await client.getBalances(subject, { signal }).first();
      }
    }
    expectEqual(`${everAdded() > 0} ${left()}`, "true 0");
  },

  async "an abort ends the call, leaves no listener, and lets the next one run"({ cycles }) {
    const remote = { baseUrl: cycles.url, apiKey: cycles.key, subject, allowBrowserCredentials: true };
    const authority = new CyclesAuthority(remote);
    for (let at = 0; at < 5; at += 1) {
      const { signal, left, everAdded, abort } = countingSignal();
      const endless = withReservation(authority, request, ({ signal: ended }) => untilAborted(ended, abort), {
        signal,
      });
      expectEqual(await failureOf(endless), "Error");
      expectEqual(`${everAdded() > 0} ${left()}`, "true 0");
    }
    const { value } = await withReservation(authority, request, async () => "ran", { spend: () => usd("0.0001") });
    expectEqual(value, "ran");
  },
};

async function* chunks(): AsyncGenerator<string> {
  yield "a";
  yield "b";
}

/** Work that goes on until it is aborted. */
function untilAborted(signal: AbortSignal, abort: () => void): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("told to stop")), { once: true });
    abort();
  });
}

/** Counts the timers that were set and neither ran nor were cleared. */
function countTimers(): { readonly pending: () => number; readonly restore: () => void } {
  const { setTimeout: set, clearTimeout: clear, setInterval: setRepeating, clearInterval: clearRepeating } = globalThis;
  const open = new Set<unknown>();
  const timeout = (run: (...parts: unknown[]) => void, ...rest: [number?, ...unknown[]]): unknown => {
    const timer: unknown = set(
      () => {
        open.delete(timer);
        run();
      },
      ...rest,
    );
    open.add(timer);
    return timer;
  };
  const interval = (...parts: Parameters<typeof setRepeating>): unknown => {
    const timer: unknown = setRepeating(...parts);
    open.add(timer);
    return timer;
  };
  const ends = (really: (timer: never) => void) => (timer: never) => {
    open.delete(timer);
    really(timer);
  };
  const patched = {
    setTimeout: timeout,
    setInterval: interval,
    clearTimeout: ends(clear),
    clearInterval: ends(clearRepeating),
  };
  Object.assign(globalThis, patched);
  const original = { setTimeout: set, clearTimeout: clear, setInterval: setRepeating, clearInterval: clearRepeating };
  return { pending: () => open.size, restore: () => void Object.assign(globalThis, original) };
}
