import { createMemoryPair } from "../../src/transport/memory.ts";
import { createDeferred } from "@imprest/core/internal";
import type { ArcpTransport, TransportClosed } from "../../src/transport/transport.ts";
import type { ManualClock } from "@imprest/testing";

/** What happens to one frame. */
export type Mishap =
  | { readonly kind: "deliver" | "drop" | "duplicate" | "swallow" | "reorder" | "half-open" }
  | { readonly kind: "delay"; readonly ms: number };

/** A network that treats each frame, of both directions, as the schedule says; after its end it is sound. */
export class ChaosNetwork {
  readonly #clock: ManualClock;
  readonly #schedule: Mishap[];
  /** What really happened, for a failing run. */
  readonly log: string[] = [];
  connections = 0;

  constructor(clock: ManualClock, schedule: readonly Mishap[]) {
    this.#clock = clock;
    this.#schedule = [...schedule];
  }

  /** Two ends with this network between them. */
  connect(): readonly [ArcpTransport, ArcpTransport] {
    this.connections++;
    const [client, clientFar] = createMemoryPair();
    const [runtimeFar, runtime] = createMemoryPair();
    const cut = (): void => {
      clientFar.close(1006);
      runtimeFar.close(1006);
    };
    const state = { dead: false };
    this.#pipe(clientFar, runtimeFar, "→", cut, state);
    this.#pipe(runtimeFar, clientFar, "←", cut, state);
    return [client, runtime];
  }

  #pipe(from: ArcpTransport, to: ArcpTransport, arrow: string, cut: () => void, state: { dead: boolean }): void {
    let kept: string | undefined;
    from.onMessage((text) => {
      if (state.dead) return;
      const mishap = this.#schedule.shift() ?? { kind: "deliver" };
      this.log.push(`${arrow}${mishap.kind} ${/"type":"([^"]*)"/.exec(text)?.[1]}`);
      const send = (frame: string): void => {
        to.send(frame);
        if (kept !== undefined) to.send(kept);
        kept = undefined;
      };
      switch (mishap.kind) {
        case "deliver":
          return send(text);
        case "duplicate":
          send(text);
          return to.send(text);
        case "drop":
          return cut();
        case "swallow":
          return;
        case "reorder":
          // Comes behind the next frame of this direction.
          kept = text;
          return;
        case "half-open":
          state.dead = true;
          return;
        case "delay":
          this.#clock.setTimer(() => {
            if (!state.dead) to.send(text);
          }, mishap.ms);
      }
    });
    // A half-open connection does not report that it has ended.
    void from.closed.then((closed) => {
      if (!state.dead) to.close(closed.code, closed.reason);
    });
  }
}

/** A transport that closes and does nothing else, for tests of one end. */
export function deadEnd(): ArcpTransport {
  const closed = createDeferred<TransportClosed>();
  return {
    confidential: true,
    closed: closed.promise,
    send: () => {},
    onMessage: () => {},
    close: (code) => closed.resolve({ code }),
  };
}
