import { afterEach, describe, expect, it } from "vitest";
import type { EventFeed } from "../../src/console/feed.ts";
import { AnswerError } from "../../src/console/feed.ts";
import { ConsoleStore } from "../../src/console/store.ts";
import { budget, event } from "./rows.ts";

/** A feed that the test speaks through. */
class SpokenFeed implements EventFeed {
  readyState = 0;
  isClosed = false;
  readonly #listeners = new Map<string, (event: Event) => void>();

  addEventListener(name: string, listener: (event: Event) => void): void {
    this.#listeners.set(name, listener);
  }

  say(name: string, data?: unknown): void {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    this.#listeners.get(name)?.(Object.assign(new Event(name), { data: text }));
  }

  close(): void {
    this.isClosed = true;
  }
}

const stores: ConsoleStore[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.stop();
});

function opened(answers: Record<string, unknown> = {}) {
  const world = {
    nowMs: 1_000_000,
    answers: {
      state: { authority: { kind: "embedded", target: "memory" }, nowMs: 5_000_000, upstream: { ok: true } },
      budgets: { rows: [budget("tenant:acme", { exhaustsAtMs: 6_000_000 })], isCut: false },
      activities: { activities: [event(1), event(2, { kind: "denied", reason: "BUDGET_EXCEEDED" })], isCut: false },
      waiting: { rows: [], isCut: false, failures: [] },
      ...answers,
    } as Record<string, unknown>,
    asked: [] as string[],
    feeds: [] as SpokenFeed[],
    frames: [] as (() => void)[],
    timers: [] as { readonly ms: number; readonly callback: () => void }[],
    feed(): SpokenFeed {
      const feed = world.feeds.at(-1);
      if (feed === undefined) throw new Error("no feed was opened");
      return feed;
    },
    /** Runs what waits at most `ms`, and then the frame that it asked for. */
    pass(ms: number): void {
      world.nowMs += ms;
      const due = world.timers.filter((timer) => timer.ms <= ms);
      world.timers = world.timers.filter((timer) => timer.ms > ms);
      for (const { callback } of due) callback();
      for (const frame of world.frames.splice(0)) frame();
    },
  };
  const store = new ConsoleStore({
    async fetch(path) {
      world.asked.push(path);
      const answer = world.answers[path.replace("api/", "")];
      if (answer === "unreachable") throw new TypeError("fetch failed");
      return typeof answer === "number" ? new Response("refused", { status: answer }) : Response.json(answer);
    },
    openFeed() {
      world.feeds.push(new SpokenFeed());
      return world.feed();
    },
    onFrame: (callback) => world.frames.push(callback),
    after(ms, callback) {
      const timer = { ms, callback };
      world.timers.push(timer);
      return () => (world.timers = world.timers.filter((one) => one !== timer));
    },
    nowMs: () => world.nowMs,
  });
  stores.push(store);
  store.start();
  return { world, store };
}

/** What answers at once has been read by then. */
const settled = async (): Promise<void> => await new Promise((done) => setImmediate(done));

describe("the console's store", () => {
  it("loads everything once, and answers what runs out next and what was denied last", async () => {
    const { world, store } = opened();
    expect(store.loaded.value).toBe("loading");
    await settled();
    expect(store.loaded.value).toBe("loaded");
    expect(store.next.value?.scope).toBe("tenant:acme");
    expect(store.denials.value.map(({ number }) => number)).toEqual([2]);
    expect(world.asked.toSorted()).toEqual(["api/activities", "api/budgets", "api/state", "api/waiting"]);
  });

  it("goes by the clock of the process, not by the browser's", async () => {
    const { world, store } = opened();
    await settled();
    world.pass(1_000);
    expect(store.nowMs.value).toBe(5_001_000);
  });

  it("hands a thousand events over in one frame", async () => {
    const { world, store } = opened();
    await settled();
    let changes = 0;
    const stop = store.denials.subscribe(() => (changes += 1));
    for (let number = 3; number < 1_003; number += 1) world.feed().say("activity", [event(number, { kind: "denied" })]);
    expect(store.denials.peek()).toHaveLength(1);
    world.pass(100);
    stop();
    expect(changes).toBe(2);
    expect(store.denials.value).toHaveLength(500);
    expect(store.activities()[0]?.number).toBe(1_002);
  });

  it("takes an event that it has already seen for the same one", async () => {
    const { world, store } = opened();
    await settled();
    world.feed().say("activity", [event(1), event(2, { kind: "denied" }), event(3)]);
    world.pass(100);
    expect(store.activities().map(({ number }) => number)).toEqual([3, 2, 1]);
    expect(store.denials.value).toHaveLength(1);
  });

  it("replaces a budget that changed and keeps the others", async () => {
    const { world, store } = opened({ budgets: { rows: [budget("tenant:a"), budget("tenant:b")], isCut: false } });
    await settled();
    world.feed().say("budgets", [budget("tenant:b", { spent: "40", remaining: "60" }), budget("tenant:c")]);
    world.pass(100);
    expect([...store.budgets.value.values()].map(({ scope, spent }) => `${scope} ${spent}`)).toEqual([
      "tenant:a 0",
      "tenant:b 40",
      "tenant:c 0",
    ]);
  });

  it("says since when the line is lost, and loads what it missed when it is back", async () => {
    const { world, store } = opened();
    await settled();
    world.feed().say("open");
    world.feed().say("error");
    expect(store.link.value).toEqual({ kind: "lost", sinceMs: 5_000_000 });
    world.answers["budgets"] = { rows: [budget("tenant:acme", { spent: "99", remaining: "1" })], isCut: false };
    world.feed().say("open");
    await settled();
    expect(store.link.value).toEqual({ kind: "open" });
    expect(store.budgets.value.get("tenant:acme")?.spent).toBe("99");
  });

  it("opens the feed again where the browser has given it up", async () => {
    const { world } = opened();
    await settled();
    world.feed().readyState = 2;
    world.feed().say("error");
    expect(world.feeds[0]?.isClosed).toBe(true);
    world.pass(1_000);
    expect(world.feeds).toHaveLength(2);
  });

  it.each(["gap", "budgets"])("loads everything again at %s that cannot be resumed or read", async (name) => {
    const { world } = opened();
    await settled();
    world.feed().say(name, name === "gap" ? {} : "{");
    await settled();
    expect(world.asked.filter((path) => path === "api/budgets")).toHaveLength(2);
  });

  it("tries again, ever later, while nothing can be loaded", async () => {
    const { world, store } = opened({ budgets: "unreachable" });
    await settled();
    expect(store.loaded.value).toEqual({ failure: "The command behind this page does not answer." });
    world.pass(1_000);
    await settled();
    expect(world.timers.map(({ ms }) => ms)).toContain(2_000);
    world.answers["budgets"] = { rows: [], isCut: false };
    world.pass(2_000);
    await settled();
    expect(store.loaded.value).toBe("loaded");
  });

  it("ends, and asks no more, where its session is refused", async () => {
    const { world, store } = opened();
    await settled();
    world.answers["state"] = 403;
    world.feed().readyState = 2;
    world.feed().say("error");
    await settled();
    expect(store.link.value).toEqual({ kind: "ended" });
    expect(store.budgets.value.size).toBe(1);
    const asked = world.asked.length;
    world.pass(60_000);
    await settled();
    expect(world.asked).toHaveLength(asked);
    expect(world.feeds).toHaveLength(1);
  });

  it("reports an answer that is no success with its status", async () => {
    const { world, store } = opened();
    await settled();
    world.answers["burn"] = 404;
    await expect(store.read("api/burn")).rejects.toThrow(AnswerError);
  });
});
