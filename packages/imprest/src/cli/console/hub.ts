import { type Clock, ImprestError, type Timer, systemClock } from "@imprest/core";
import { printable } from "../printable.ts";
import { ActivityRing } from "./activity-ring.ts";
import { bounded } from "./bounded.ts";
import { BudgetBoard, sampleMs } from "./budget-board.ts";
import { LiveFeed, eventText } from "./live-feed.ts";
import { lifeOf } from "./reservation-life.ts";
import type { ConsoleSource } from "./source.ts";
import type { WaitingStores } from "./waiting-stores.ts";
import type {
  ActivityList,
  BudgetList,
  Burn,
  ConsoleState,
  ReservationLife,
  Upstream,
  WaitingList,
} from "../../pages/console-wire.ts";

export interface ConsoleHubOptions {
  readonly source: ConsoleSource;
  /** Where settlements wait; without it, nothing is known to. */
  readonly stores?: WaitingStores | undefined;
  readonly clock?: Clock | undefined;
}

/** What the console knows: what its source sees, remembered within bounds, for every page that is open. */
export class ConsoleHub {
  readonly #source: ConsoleSource;
  readonly #stores: WaitingStores | undefined;
  readonly #clock: Clock;
  readonly #ring = new ActivityRing();
  readonly #board: BudgetBoard;
  readonly #feed: LiveFeed;
  readonly #stops: (() => void)[] = [];
  #upstream: Upstream = { ok: true };
  #sampling: Timer | undefined;

  constructor({ source, stores, clock = systemClock }: ConsoleHubOptions) {
    this.#source = source;
    this.#stores = stores;
    this.#clock = clock;
    this.#board = new BudgetBoard(clock);
    this.#feed = new LiveFeed({ clock, ring: this.#ring, extraEvents: () => this.#changes() });
  }

  /** Begins to follow the source; called once. */
  start(): void {
    const stop = this.#source.follow({
      happened: (activities) => {
        this.#ring.add(activities);
        this.#feed.wake();
      },
      changed: (rows) => {
        this.#board.change(rows);
        this.#feed.wake();
      },
      listed: (rows, isCut) => {
        this.#board.replace(rows, isCut);
        // The first sample is what rates begin with.
        if (this.#sampling === undefined) this.#sample();
        this.#feed.wake();
      },
      polled: (failure) => this.#afterPoll(failure),
    });
    this.#stops.push(stop);
    if (this.#stores === undefined) return;
    this.#stops.push(this.#stores.follow(this.#clock, (list) => this.#feed.send(eventText("waiting", list))));
  }

  get state(): ConsoleState {
    const { authority, live, seesDenials } = this.#source;
    const waiting = this.#stores !== undefined;
    return { authority, live, nowMs: this.#clock.now(), waiting, denials: seesDenials, upstream: this.#upstream };
  }

  get budgets(): BudgetList {
    return this.#board.list();
  }

  get activities(): ActivityList {
    return this.#ring.list();
  }

  get waiting(): WaitingList {
    return this.#stores?.list ?? { rows: [], isCut: false, failures: [] };
  }

  burn(id: string, span: Burn["span"]): Burn | undefined {
    return this.#board.burn(id, span);
  }

  /** `undefined` for a reservation that nobody knows. @throws as the authority does. */
  async life(id: string, signal: AbortSignal): Promise<ReservationLife | undefined> {
    const known = await this.#source.reservation(id, signal);
    return lifeOf(id, { known, activities: this.#ring.ofReservation(id), board: this.#board });
  }

  /** A stream of events; `undefined` where too many are open. */
  live(after: number | undefined, signal: AbortSignal): ReadableStream<Uint8Array> | undefined {
    const first = eventText("upstream", this.#upstream, after === undefined ? this.#ring.lastNumber : undefined);
    return this.#feed.open(after, first, signal);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#sampling?.clear();
    this.#feed.close();
  }

  #sample(): void {
    this.#board.sample();
    this.#feed.wake();
    this.#sampling = this.#clock.setTimer(() => this.#sample(), sampleMs);
  }

  #changes(): readonly string[] {
    const rows = this.#board.takeChanged();
    return rows.length === 0 ? [] : [eventText("budgets", rows)];
  }

  #afterPoll(failure: unknown): void {
    const before = this.#upstream;
    const lastOkAtMs = failure === undefined ? this.#clock.now() : before.lastOkAtMs;
    this.#upstream = {
      ok: failure === undefined,
      ...(failure !== undefined && { message: explain(failure) }),
      ...(lastOkAtMs !== undefined && { lastOkAtMs }),
    };
    const isNews = before.ok !== this.#upstream.ok || before.message !== this.#upstream.message;
    if (isNews) this.#feed.send(eventText("upstream", this.#upstream));
  }
}

/** Errors of ours hold no secret; what another one says is not shown. */
export function explain(failure: unknown): string {
  const message = ImprestError.isInstance(failure) ? failure.message : "It failed for a reason that is not shown.";
  return bounded(printable(message));
}
