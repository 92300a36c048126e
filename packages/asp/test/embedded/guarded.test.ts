import { amount } from "@imprest/core";
import { serve } from "@imprest/embedded/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAuditTrust, verifyAuditEvent, verifyAuditFeed } from "../../src/audit/index.ts";
import {
  AspAuthority,
  AspClient,
  AspDeniedError,
  type PromisedEvent,
  guard,
  openReservation,
  withReservationStream,
} from "../../src/index.ts";
import { budgetId, feedOf, issuer, openHouse, trustIn, unit } from "./support.ts";

const request = (tokens: number) => ({ estimate: amount(unit, tokens), action: { kind: "llm.completion", name: "m" } });

describe("guarded calls against the embedded authority", () => {
  it("a stream commits what it spent; left early, what its chunks cost; broken before it spent, it is released", async () => {
    const house = await openHouse();
    const authority = new AspAuthority(house.client(), { budget: { budgetId } });
    async function* chunks(): AsyncGenerator<number> {
      for (const tokens of [10, 20, 30]) yield tokens;
    }
    const spend = (tokens: number): ReturnType<typeof amount> => amount(unit, tokens === 30 ? 60 : tokens);
    const whole = withReservationStream(authority, request(100), () => chunks(), { spend });
    for await (const _ of whole);
    const partial = (seen: readonly number[]): ReturnType<typeof amount> =>
      amount(
        unit,
        seen.reduce((sum, tokens) => sum + tokens, 0),
      );
    for await (const tokens of withReservationStream(authority, request(100), () => chunks(), { partial })) {
      if (tokens === 20) break;
    }
    const noProvider = (): never => {
      throw new Error("no provider");
    };
    const broken = withReservationStream(authority, request(100), noProvider, { unspent: () => true });
    await expect(broken[Symbol.asyncIterator]().next()).rejects.toThrow("no provider");
    const ended = (): unknown =>
      house.embedded.audit.reservations("acme").map(({ state, observed }) => [state, observed]);
    await expect.poll(ended).toEqual([
      ["COMMITTED", 60n],
      ["COMMITTED", 30n],
      ["RELEASED", 0n],
    ]);
  });

  it("over a real socket, parallel calls never spend past the cap, and the feed of it all is clean", async () => {
    const house = await openHouse();
    const server = await serve(house.embedded, { port: 0 });
    onTestFinished(() => server.close());
    const promised: PromisedEvent[] = [];
    const onPromisedEvent = (event: PromisedEvent): void => void promised.push(event);
    const client = new AspClient({ baseUrl: server.url, apiKey: house.apiKey, onPromisedEvent });
    const call = guard(new AspAuthority(client, { budget: { budgetId } }), request(400), (reservation) => {
      reservation.spend(amount(unit, 400));
      return "ran";
    });
    const outcomes = await Promise.allSettled(Array.from({ length: 60 }, () => call()));
    const ran = outcomes.filter(({ status }) => status === "fulfilled").length;
    const refused = outcomes.filter(
      (outcome) => outcome.status === "rejected" && AspDeniedError.isInstance(outcome.reason),
    );
    expect({ ran, refused: refused.length }).toEqual({ ran: 25, refused: 35 });
    expect(await client.queryBudget({ budgetId, unit })).toMatchObject({
      committedSpendAtomic: 10_000n,
      overCapAtomic: 0n,
    });

    const lines = await feedOf(house);
    async function* source(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode(lines.join("\n"));
    }
    const feed = verifyAuditFeed(source(), { trust: await trustIn(house), promised });
    let next = await feed.next();
    for (; !next.done; next = await feed.next()) expect(next.value.lifecycle).toEqual([]);
    expect(next.value).toMatchObject({ events: 85, rejected: 0, findings: [], open: 0 });
  });

  it("a scope that ends gives back what it did not spend", async () => {
    const house = await openHouse();
    const authority = new AspAuthority(house.client(), { budget: { budgetId } });
    {
      await using reservation = await openReservation(authority, request(100));
      expect(reservation.reserved.amount).toBe(100n);
      reservation.unspent();
    }
    expect(house.embedded.audit.reservations("acme")).toMatchObject([{ state: "RELEASED" }]);
  });

  it("keys are fetched from trusted origins only, at their root, once", async () => {
    const house = await openHouse();
    await house.client().reserve({ claim: { budgetId, unit, amountAtomic: 1n } });
    const lines = await feedOf(house);
    const asked: string[] = [];
    const transport: typeof house.transport = (sent, limits) => {
      asked.push(sent.url);
      return house.transport(sent, limits);
    };
    const trust = createAuditTrust({ origins: [issuer], fetchKeys: true, transport });
    for (const line of [...lines, ...lines]) {
      expect((await verifyAuditEvent(line, { trust })).disposition).toBe("authentic");
    }
    const moved = (lines[0] ?? "").replace(issuer, "https://evil.example");
    expect((await verifyAuditEvent(moved, { trust })).disposition).toBe("signer_resolution_failed");
    expect(asked).toEqual([`${issuer}/.well-known/asp-jwks.json`]);
  });

  it("the authority is a fetch handler, so tests need no socket; what is no request of ASP's is refused", async () => {
    const house = await openHouse();
    const send = async (path: string, init: RequestInit): Promise<[number, string | undefined]> => {
      const response = await house.embedded.handler(new Request(`${issuer}${path}`, init));
      const { code } = (await response.json()) as { readonly code?: string };
      return [response.status, code];
    };
    const headers = { "content-type": "application/json", authorization: `Bearer ${house.apiKey}` };
    const verb = "/asp.v1.AgentSpendProtocol/Commit";
    expect(await send(verb, { method: "GET", headers })).toEqual([501, "unimplemented"]);
    expect(await send(verb, { method: "POST", headers, body: "{" })).toEqual([400, "invalid_argument"]);
    expect(await send(verb, { method: "POST", headers, body: '{"reservationId":"r"}' })).toEqual([
      400,
      "invalid_argument",
    ]);
    expect(
      await send(verb, { method: "POST", headers: { ...headers, "content-type": "text/plain" }, body: "{}" }),
    ).toEqual([415, "invalid_argument"]);
    expect(await send("/asp.v1.AgentSpendProtocol/Steal", { method: "POST", headers, body: "{}" })).toEqual([
      501,
      "unimplemented",
    ]);
    expect(await send("/asp/events?cursor=-1", { headers })).toEqual([400, "invalid_argument"]);
    expect(await send("/asp/events", {})).toEqual([401, "unauthenticated"]);
    const hash = { reservationId: "r", amountAtomicObserved: "1", idempotencyKey: "k", requestBodyHash: "AAAA" };
    expect(await send(verb, { method: "POST", headers, body: JSON.stringify(hash) })).toEqual([
      400,
      "invalid_argument",
    ]);
  });

  it("another tenant's reservation is as unknown as none, and its events are not in the feed", async () => {
    const house = await openHouse();
    await house.embedded.budgets.create({ scope: { tenant: "globex" }, allocated: amount(unit, 10) });
    const { key } = await house.embedded.apiKeys.create({ tenant: "globex" });
    const mine = await house.client().reserve({ claim: { budgetId, unit, amountAtomic: 1n } });
    const stranger = house.client({ apiKey: key });
    const steal = stranger.commit({ reservationId: mine.reservationId ?? "", amountAtomicObserved: 1n });
    await expect(steal).rejects.toMatchObject({ errorCode: "RESERVATION_NOT_FOUND" });
    await stranger.reserve({ claim: { budgetId: "tenant:globex", unit, amountAtomic: 1n } });
    expect(await feedOf(house)).toHaveLength(1);
    const [line] = await feedOf({ ...house, apiKey: key });
    expect(JSON.parse(line ?? "")).toMatchObject({ source: `${issuer}/asp/globex` });
  });
});
