import { createManualClock } from "@imprest/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ConsoleHub } from "../../src/cli/console/hub.ts";
import type { Activity } from "../../src/pages/console-wire.ts";
import { FakeSource, type LiveReader, eventOf, openedConsole, reserved, rowOf } from "./support.ts";

function numbersOf(reader: LiveReader): number[] {
  const activities = reader.events.filter(({ name }) => name === "activity");
  return activities.flatMap(({ data }) => (data as readonly Activity[]).map(({ number }) => number));
}

function upTo(last: number, from = 1): number[] {
  return Array.from({ length: last - from + 1 }, (_, at) => from + at);
}

const long = "x".repeat(3_000);

describe("the stream of events", () => {
  it("brings what happens and what changes, and resumes after the last id without a loss or a repetition", async () => {
    const source = new FakeSource();
    const browsing = await openedConsole({ source });
    const first = await browsing.live();
    source.listener?.happened([reserved("a"), reserved("b")]);
    source.listener?.changed([rowOf("a", { reserved: "10", remaining: "990" })]);
    await vi.waitFor(() => expect(numbersOf(first)).toEqual([1, 2]));
    await vi.waitFor(() => expect(first.events.map(({ name }) => name)).toContain("budgets"));
    const lastId = first.events.findLast(({ id }) => id !== undefined)?.id ?? "";
    first.close();
    source.listener?.happened([reserved("c"), reserved("d")]);
    const second = await browsing.live({ "last-event-id": lastId });
    source.listener?.happened([reserved("e")]);
    await vi.waitFor(() => expect(numbersOf(second)).toEqual([3, 4, 5]));
  });

  it("resumes a reader that had seen nothing yet: the first event has an id already", async () => {
    const source = new FakeSource();
    const browsing = await openedConsole({ source });
    source.listener?.happened([reserved("a")]);
    const first = await browsing.live();
    await vi.waitFor(() => expect(first.events[0]).toMatchObject({ name: "upstream", id: "1" }));
    source.listener?.happened([reserved("b")]);
    const second = await browsing.live({ "last-event-id": "1" });
    await vi.waitFor(() => expect(numbersOf(second)).toEqual([2]));
  });

  it.each(["6000", "1", "99999999", "none", "-1", "1e3"])("has a gap, not a guess, after the id %s", async (id) => {
    const source = new FakeSource();
    const browsing = await openedConsole({ source });
    for (let at = 0; at < 11_500; at += 500)
      source.listener?.happened(Array.from({ length: 500 }, () => reserved("a")));
    const reader = await browsing.live({ "last-event-id": id });
    await vi.waitFor(() => expect(reader.events.map(({ name }) => name)).toEqual(["upstream", "gap"]));
    expect(reader.events[1]?.id).toBe("11500");
  });

  it("has a gap where a batch is too much to send, and loads as a whole", async () => {
    const source = new FakeSource();
    const browsing = await openedConsole({ source });
    const reader = await browsing.live();
    source.listener?.happened(Array.from({ length: 1_000 }, () => reserved("a", { suggestedFix: long })));
    await vi.waitFor(() => expect(reader.events.at(-1)).toMatchObject({ name: "gap", id: "1000" }));
    const { activities } = await browsing.json<{ activities: Activity[] }>("api/activities");
    expect(activities.at(-1)?.number).toBe(1_000);
  });

  it("is for 16 readers; one more is refused until one of them leaves", async () => {
    const browsing = await openedConsole({ source: new FakeSource() });
    const readers = await Promise.all(Array.from({ length: 16 }, () => browsing.live()));
    expect(readers.map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 200));
    expect((await browsing.live()).status).toBe(503);
    readers[3]?.close();
    await vi.waitFor(async () => expect((await browsing.live()).status).toBe(200));
  });

  it("keeps no place for a reader that has left before its stream begins", () => {
    const hub = new ConsoleHub({ source: new FakeSource() });
    onTestFinished(() => hub.close());
    for (let at = 0; at < 16; at += 1) expect(hub.live(undefined, AbortSignal.abort())).toBeUndefined();
    expect(hub.live(undefined, new AbortController().signal)).toBeInstanceOf(ReadableStream);
  });

  it("breaks off a reader that does not read, keeps the others, and has the slow one back", async () => {
    const source = new FakeSource();
    const browsing = await openedConsole({ source });
    const [slow, quick] = [await browsing.live(), await browsing.live()];
    slow.pause();
    let sent = 0;
    // What the system buffers between the two processes comes on top of the queue.
    for (let round = 0; round < 30; round += 1) {
      source.listener?.happened(Array.from({ length: 140 }, () => reserved("a", { suggestedFix: long })));
      sent += 140;
      await vi.waitFor(() => expect(numbersOf(quick).at(-1)).toBe(sent), { interval: 5 });
    }
    expect(numbersOf(quick)).toEqual(upTo(sent));
    slow.resume();
    await vi.waitFor(() => expect(slow.isEnded()).toBe(true));
    const had = numbersOf(slow);
    expect(had).toEqual(upTo(had.length));
    expect(had.length).toBeLessThan(sent);
    const lastId = slow.events.findLast(({ id }) => id !== undefined)?.id ?? "";
    const back = await browsing.live({ "last-event-id": lastId });
    await vi.waitFor(() => expect(back.events.some(({ name }) => name === "gap" || name === "activity")).toBe(true));
  }, 60_000);

  it("loses nothing of 1,000 events a second, in at most four events a second", async () => {
    const clock = createManualClock();
    const source = new FakeSource();
    const hub = new ConsoleHub({ source, clock });
    hub.start();
    onTestFinished(() => hub.close());
    const stream = hub.live(undefined, new AbortController().signal);
    let sent = 0;
    for (let tick = 0; tick < 100; tick += 1) {
      for (let at = 0; at < 50; at += 1) {
        source.listener?.happened([reserved(`r${sent}`)]);
        source.listener?.changed([rowOf(`a${sent % 50}`, { spent: String(sent) })]);
        sent += 1;
      }
      await clock.advance(50);
    }
    await clock.advance(250);
    hub.close();
    const events = (await new Response(stream).text()).split("\n\n").map(eventOf);
    const batches = events.filter(({ name }) => name === "activity");
    expect(batches.flatMap(({ data }) => (data as readonly Activity[]).map(({ number }) => number))).toEqual(
      upTo(sent),
    );
    expect(batches.length).toBeLessThanOrEqual(5 * 4 + 1);
    expect(events.filter(({ name }) => name === "budgets").length).toBeLessThanOrEqual(5 * 4 + 1);
  });

  it("says that the authority is out of reach, since when, and that it is back", async () => {
    const source = new FakeSource();
    const browsing = await openedConsole({ source });
    source.listener?.polled(undefined);
    const reader = await browsing.live();
    source.listener?.polled(new Error("the key is sk-secret"));
    source.listener?.polled(new Error("the key is sk-secret"));
    source.listener?.polled(undefined);
    await vi.waitFor(() => expect(reader.events).toHaveLength(3));
    expect(reader.events.map(({ name }) => name)).toEqual(["upstream", "upstream", "upstream"]);
    expect(reader.events.map(({ data }) => data)).toMatchObject([
      { ok: true },
      { ok: false, message: "It failed for a reason that is not shown.", lastOkAtMs: expect.any(Number) as number },
      { ok: true },
    ]);
  });

  it("ends with the console, at once", async () => {
    const browsing = await openedConsole({ source: new FakeSource() });
    const reader = await browsing.live();
    await browsing.close();
    await vi.waitFor(() => expect(reader.isEnded()).toBe(true));
  });
});

describe("the answers", () => {
  it("tell a reservation's life by what was seen and by what the authority knows, with the budgets around it", async () => {
    const source = new FakeSource();
    const browsing = await openedConsole({ source });
    source.listener?.changed([rowOf("a"), rowOf("all", { scope: "tenant:acme" }), rowOf("b")]);
    const held = { reserved: { amount: "10", unit: "TOKENS" } };
    source.listener?.happened([
      reserved("r/1", { ...held, atMs: 10, traceId: "t1", expiresAtMs: 90 }),
      reserved("other"),
      reserved("r/1", { ...held, kind: "extended", atMs: 20, expiresAtMs: 190, traceId: "t1" }),
      reserved("r/1", {
        ...held,
        kind: "committed",
        atMs: 30,
        charged: { amount: "7", unit: "TOKENS" },
        traceId: "t2",
      }),
    ]);
    expect(await browsing.json("api/reservations/r%2F1")).toMatchObject({
      reservationId: "r/1",
      status: "COMMITTED",
      createdAtMs: 10,
      expiresAtMs: 190,
      settledAtMs: 30,
      charged: { amount: "7" },
      activities: [{ number: 1 }, { number: 3 }, { number: 4 }],
      budgets: [{ id: "a" }, { id: "all" }],
      traceIds: ["t1", "t2"],
    });
    source.known.set("old", { status: "RELEASED", traceIds: [], evidence: ["https://a.example/e"] });
    const known = { status: "RELEASED", activities: [], budgets: [], evidence: ["https://a.example/e"] };
    expect(await browsing.json("api/reservations/old")).toMatchObject(known);
  });

  it.each([
    ["api/reservations/unknown", 404],
    ["api/reservations/%ff", 400],
    [`api/reservations/${"x".repeat(300)}`, 400],
    ["api/reservations/a/b", 404],
    ["api/burn?id=none&span=hour", 404],
    ["api/burn?id=a", 400],
    ["api/other", 404],
    ["api/", 404],
  ])("%s is %d, in words", async (path, status) => {
    const browsing = await openedConsole({ source: new FakeSource() });
    const answer = await browsing.get(path);
    expect(answer.status).toBe(status);
    expect(await answer.text()).toMatch(/^[A-Z][^<>]+\.\n$/);
  });
});
