import { type ReadonlySignal, type Signal, batch, computed, signal } from "@preact/signals";
import {
  type Activity,
  type ActivityList,
  type BudgetList,
  type BudgetRow,
  type ConsoleState,
  type LiveEvents,
  type Upstream,
  type WaitingList,
  bySoonest,
  isUsedUp,
} from "imprest/internal";
import { messageOf } from "../shared/message.ts";
import { ActivityLog } from "./activity-log.ts";
import { readBounded } from "./bounded-json.ts";
import { AnswerError, type EventFeed, type Surroundings } from "./feed.ts";

/** The line to the process behind the page. */
type Link =
  | { readonly kind: "opening" }
  | { readonly kind: "open" }
  /** It broke; it is tried again by itself. */
  | { readonly kind: "lost"; readonly sinceMs: number }
  /** The process no longer takes this page: it ended, or another one has its place. */
  | { readonly kind: "ended" };

/** What is shown of an answer that may not be there yet, or not at all. */
export type Loaded = "loading" | "loaded" | { readonly failure: string };

/** Between two renderings: ten in a second are read as movement. */
const pauseMs = 100;
/** Denials outlive other activities: they are rarer, and are what people look for. */
const mostDenials = 500;
const longestRetryMs = 15_000;

/**
 * Everything that the console shows. It is loaded once, and then kept up by the feed of events, which the browser resumes
 * by itself after a drop; where it cannot be resumed, everything is loaded again. Events are gathered, and handed to what
 * is shown once a frame.
 */
export class ConsoleStore {
  readonly loaded: Signal<Loaded> = signal<Loaded>("loading");
  readonly link: Signal<Link> = signal<Link>({ kind: "opening" });
  readonly state: Signal<ConsoleState | undefined> = signal(undefined);
  readonly upstream: Signal<Upstream> = signal<Upstream>({ ok: true });
  readonly budgets: Signal<ReadonlyMap<string, BudgetRow>> = signal(new Map());
  readonly budgetsAreCut: Signal<boolean> = signal(false);
  readonly denials: Signal<readonly Activity[]> = signal([]);
  readonly waiting: Signal<WaitingList | undefined> = signal(undefined);
  /** The clock of the process, each second. */
  readonly nowMs: Signal<number>;

  /** What runs out next: of the budgets that have something left, the one with the nearest end. */
  readonly next: ReadonlySignal<BudgetRow | undefined> = computed(() => {
    const ending = [...this.budgets.value.values()].filter((row) => row.exhaustsAtMs !== undefined && !isUsedUp(row));
    return ending.toSorted(bySoonest)[0];
  });
  readonly usedUp: ReadonlySignal<readonly BudgetRow[]> = computed(() =>
    [...this.budgets.value.values()].filter(isUsedUp),
  );

  readonly #out: Surroundings;
  readonly #log = new ActivityLog();
  /** Counts the changes of the log. */
  readonly #changes: Signal<number> = signal(0);
  readonly #stopped = new AbortController();
  #feed: EventFeed | undefined;
  #aheadMs = 0;
  #retryMs = 1_000;
  #isFlushDue = false;
  #lastFlushMs = -Infinity;
  #arrived: Activity[] = [];
  #changed = new Map<string, BudgetRow>();
  #loading: Promise<void> | undefined;
  #mustLoadAgain = false;

  constructor(surroundings: Surroundings) {
    this.#out = surroundings;
    this.nowMs = signal(surroundings.nowMs());
  }

  /** Begins; what goes wrong is shown, and tried again. */
  start(): void {
    this.#tick();
    this.#open();
    this.reload();
  }

  stop(): void {
    this.#stopped.abort();
    this.#feed?.close();
  }

  /** The clock of the process, to the millisecond. */
  clockMs(): number {
    return this.#out.nowMs() + this.#aheadMs;
  }

  /** The newest first. Who calls it in a computed signal or a component is called again with each change. */
  activities(isWanted?: (activity: Activity) => boolean): Activity[] {
    return this.#changes.value === 0 ? [] : this.#log.newest(isWanted);
  }

  /** Loads everything again; calls while it loads are one more load. */
  reload(): void {
    if (this.#loading !== undefined) {
      this.#mustLoadAgain = true;
      return;
    }
    this.#loading = this.#load().finally(() => {
      this.#loading = undefined;
      if (!this.#mustLoadAgain) return;
      this.#mustLoadAgain = false;
      this.reload();
    });
  }

  /** One answer of the process. @throws AnswerError for every other end than JSON; the signal's reason where it aborts. */
  async read<Answer>(path: string, signal: AbortSignal = this.#stopped.signal): Promise<Answer> {
    let response: Response;
    try {
      response = await this.#out.fetch(path, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new AnswerError(0, "The command behind this page does not answer.", { cause: error });
    }
    const text = await response.text();
    if (!response.ok) throw new AnswerError(response.status, text.slice(0, 300).trim() || `Status ${response.status}.`);
    try {
      return readBounded(text) as Answer;
    } catch (error) {
      throw new AnswerError(response.status, "The answer is no JSON.", { cause: error });
    }
  }

  async #load(): Promise<void> {
    try {
      const [state, budgets, activities, waiting] = await Promise.all([
        this.read<ConsoleState>("api/state"),
        this.read<BudgetList>("api/budgets"),
        this.read<ActivityList>("api/activities"),
        this.read<WaitingList>("api/waiting"),
      ]);
      this.#aheadMs = state.nowMs - this.#out.nowMs();
      this.#retryMs = 1_000;
      batch(() => {
        this.nowMs.value = state.nowMs;
        this.state.value = state;
        this.upstream.value = state.upstream;
        this.budgets.value = new Map(budgets.rows.map((row) => [row.id, row]));
        this.budgetsAreCut.value = budgets.isCut;
        this.waiting.value = waiting;
        this.#keep(activities.activities);
        this.loaded.value = "loaded";
      });
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      if (error instanceof AnswerError && error.status === 403) {
        this.#end();
        return;
      }
      // What was loaded before stays, under the notice that the line is lost.
      if (this.loaded.value !== "loaded") this.loaded.value = { failure: messageOf(error) };
      this.#retry(() => this.reload());
    }
  }

  #open(): void {
    const feed = this.#out.openFeed("api/live");
    this.#feed = feed;
    feed.addEventListener("open", () => {
      this.link.value = { kind: "open" };
      // What happened between an answer and the first event is in neither.
      this.reload();
    });
    feed.addEventListener("error", () => this.#lose(feed));
    this.#on(feed, "activity", (activities) => {
      this.#arrived.push(...activities);
      // A page in the background draws nothing, and must not gather without end.
      if (this.#arrived.length > 10_000) this.#arrived = this.#arrived.slice(-5_000);
      this.#flushSoon();
    });
    this.#on(feed, "budgets", (rows) => {
      for (const row of rows) this.#changed.set(row.id, row);
      this.#flushSoon();
    });
    this.#on(feed, "waiting", (list) => (this.waiting.value = list));
    this.#on(feed, "upstream", (upstream) => (this.upstream.value = upstream));
    this.#on(feed, "gap", () => this.reload());
  }

  #on<Name extends keyof LiveEvents>(feed: EventFeed, name: Name, take: (data: LiveEvents[Name]) => void): void {
    feed.addEventListener(name, (event) => {
      try {
        take(readBounded((event as MessageEvent<string>).data) as LiveEvents[Name]);
      } catch {
        // An event that cannot be read is as one that was missed.
        this.reload();
      }
    });
  }

  #lose(feed: EventFeed): void {
    if (this.#stopped.signal.aborted || this.link.value.kind === "ended") return;
    if (this.link.value.kind !== "lost") this.link.value = { kind: "lost", sinceMs: this.clockMs() };
    // Else the browser tries again by itself, and says where it was.
    if (feed.readyState !== 2) return;
    feed.close();
    this.#retry(() => this.#open());
    // Whether it is the session that has ended.
    this.reload();
  }

  #end(): void {
    this.link.value = { kind: "ended" };
    this.#feed?.close();
    this.#stopped.abort();
    if (this.loaded.value !== "loaded") this.loaded.value = { failure: "This page's session has ended." };
  }

  #retry(attempt: () => void): void {
    const ms = this.#retryMs;
    this.#retryMs = Math.min(longestRetryMs, ms * 2);
    this.#out.after(ms, () => {
      if (!this.#stopped.signal.aborted) attempt();
    });
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    const waitMs = Math.max(0, this.#lastFlushMs + pauseMs - this.#out.nowMs());
    this.#out.after(waitMs, () => this.#out.onFrame(() => this.#flush()));
  }

  #flush(): void {
    this.#isFlushDue = false;
    this.#lastFlushMs = this.#out.nowMs();
    const [arrived, changed] = [this.#arrived, this.#changed];
    [this.#arrived, this.#changed] = [[], new Map()];
    batch(() => {
      if (changed.size > 0) this.budgets.value = new Map([...this.budgets.value, ...changed]);
      if (arrived.length > 0) this.#keep(arrived);
    });
  }

  #keep(activities: readonly Activity[]): void {
    const denied = this.#log.add(activities).filter(({ kind }) => kind === "denied");
    this.#changes.value = this.#changes.peek() + 1;
    if (denied.length === 0) return;
    const all = [...denied, ...this.denials.value].toSorted((left, right) => right.number - left.number);
    this.denials.value = all.slice(0, mostDenials);
  }

  #tick(): void {
    this.nowMs.value = this.clockMs();
    this.#out.after(1_000, () => {
      if (!this.#stopped.signal.aborted) this.#tick();
    });
  }
}
