import { AbortedError, ConnectionError, type HttpRequest, ResponseFormatError, type Transport } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { createAuditor, verifyAuditEvent } from "../src/audit/index.ts";
import { AspClient, AspError, type SignedEvent } from "../src/index.ts";
import { claim, openHouse, trustIn } from "./embedded/support.ts";

const baseUrl = "https://authority.example";

/** A feed of so many lines, in pages of two; `answers` may put something in the place of the nth answer. */
function feedOf(lines: string[], answers: Readonly<Record<number, Error | { status: number; body?: string }>> = {}) {
  const sent: HttpRequest[] = [];
  const transport: Transport = async (request) => {
    sent.push(request);
    const odd = answers[sent.length];
    if (odd instanceof Error) throw odd;
    if (odd !== undefined) return { headers: {}, body: "{}", ...odd };
    const since = Number(new URL(request.url).searchParams.get("cursor"));
    const page = lines.slice(since, since + 2);
    const headers = { "asp-next-cursor": String(since + page.length) };
    return { status: 200, headers, body: page.map((line) => `${line}\n`).join("") };
  };
  const clock = createManualClock();
  return { sent, clock, client: new AspClient({ baseUrl, apiKey: "key-1-of-eight", transport, clock }) };
}

async function all<Report>(events: AsyncIterable<SignedEvent<Report>>): Promise<SignedEvent<Report>[]> {
  const read: SignedEvent<Report>[] = [];
  for await (const event of events) read.push(event);
  return read;
}

const five = ["a", "b", "c", "d", "e"];

describe("AspClient.events", () => {
  it("reads every page, each when it is reached, with the tenant's key", async () => {
    const { client, sent } = feedOf(five);
    const events = client.events();
    expect((await events.next()).value).toEqual({ number: 1, line: "a", report: undefined });
    expect(sent).toHaveLength(1);
    expect(await all(events)).toMatchObject([{ number: 2 }, { number: 3 }, { number: 4 }, { number: 5, line: "e" }]);
    expect(sent.map(({ url }) => new URL(url).searchParams.get("cursor"))).toEqual(["0", "2", "4", "5"]);
    expect(sent[0]).toMatchObject({ method: "GET", headers: { authorization: "Bearer key-1-of-eight" } });
    expect(sent[0]?.url).toMatch(/^https:\/\/authority\.example\/asp\/events\?/);
  });

  it("goes on after any event, with none twice and none left out", async () => {
    for (let since = 0; since <= five.length; since += 1) {
      const { client } = feedOf(five);
      const rest = await all(client.events({ since }));
      expect(rest.map(({ line }) => line)).toEqual(five.slice(since));
      expect(rest.map(({ number }) => number)).toEqual(five.slice(since).map((_, at) => since + at + 1));
    }
  });

  it("asks again for a page that failed, a few times within the deadline, and then says why", async () => {
    const flaky = feedOf(five, { 2: new ConnectionError("reset"), 3: { status: 503 } });
    const reading = all(flaky.client.events());
    await flaky.clock.advance(4_000);
    expect(await reading).toHaveLength(5);
    const down = feedOf(five, { 1: { status: 503 }, 2: { status: 503 }, 3: { status: 503 } });
    const failing = all(down.client.events());
    const failed = expect(failing).rejects.toThrow(/GET \/asp\/events.*unavailable/);
    await down.clock.advance(4_000);
    await failed;
    expect(down.sent).toHaveLength(3);
    const refused = feedOf(five, { 1: { status: 401 } });
    await expect(all(refused.client.events())).rejects.toSatisfy((error) => AspError.isInstance(error));
    expect(refused.sent).toHaveLength(1);
  });

  it("follows: waits at the end, reads what comes, and ends when the signal aborts", async () => {
    const lines = five.slice(0, 2);
    const { client, clock, sent } = feedOf(lines);
    const stop = new AbortController();
    const events = client.events({ follow: true, pollMs: 500, signal: stop.signal });
    expect([(await events.next()).value, (await events.next()).value]).toMatchObject([{ line: "a" }, { line: "b" }]);
    const waiting = events.next();
    await clock.advance(1_200);
    expect(sent).toHaveLength(4);
    lines.push("c");
    await clock.advance(500);
    expect((await waiting).value).toMatchObject({ number: 3, line: "c" });
    const silent = events.next();
    const aborted = expect(silent).rejects.toSatisfy((error) => AbortedError.isInstance(error));
    await clock.advance(1);
    stop.abort();
    await aborted;
  });

  it("refuses a page that does not say where it ends, and a place that is none", async () => {
    const cut: Transport = async () => ({ status: 200, headers: { "asp-next-cursor": "1" }, body: "a\nb\n" });
    const mute: Transport = async () => ({ status: 200, headers: {}, body: "a\n" });
    for (const transport of [cut, mute]) {
      const client = new AspClient({ baseUrl, transport });
      await expect(all(client.events())).rejects.toSatisfy((error) => ResponseFormatError.isInstance(error));
    }
    for (const since of [-1, 0.5, Number.NaN]) {
      await expect(all(feedOf([]).client.events({ since }))).rejects.toThrow("since");
    }
  });

  it("verifies each event as it comes, for the auditor that takes it", async () => {
    const house = await openHouse();
    const client = house.client();
    for (let at = 0; at < 5; at += 1) {
      const { reservationId = "" } = await client.reserve({ claim: claim(10n) });
      await client.commit({ reservationId, amountAtomicObserved: 10n });
    }
    const trust = await trustIn(house);
    const auditor = createAuditor({ order: "feed", promised: house.promised });
    const verify = (line: string) => verifyAuditEvent(line, { trust });
    for await (const { report } of client.events({ verify })) {
      expect(report.disposition).toBe("authentic");
      expect(auditor.add(report)).toEqual([]);
    }
    expect(auditor.finish()).toMatchObject({ events: 10, findings: [] });
  });
});

describe("reads", () => {
  it("ask again for a budget and for the metadata; a verb that writes is sent once", async () => {
    const sent: string[] = [];
    const clock = createManualClock();
    const transport: Transport = async ({ url }) => {
      sent.push(url.split("/").at(-1) ?? "");
      return { status: 503, headers: {}, body: "{}" };
    };
    const client = new AspClient({ baseUrl, transport, clock, readAttempts: 2 });
    const calls = [
      client.queryBudget({ budgetId: "b", unit: "u" }),
      client.getMetadata(),
      client.reserve({ claim: claim(1n) }),
    ].map(async (call) => expect(call).rejects.toThrow());
    await clock.advance(4_000);
    await Promise.all(calls);
    expect(sent.toSorted()).toEqual(["QueryBudget", "QueryBudget", "Reserve", "asp-authority", "asp-authority"]);
  });
});
