import { ReplayConflictError } from "../../src/index.ts";
import { describe, expect, it } from "vitest";
import { claim, feedOf, issuer, openHouse } from "./support.ts";

describe("what an embedded authority answers over ASP", () => {
  it("names in conflict_field what a replay did not repeat: the amount, the facts, or both", async () => {
    const house = await openHouse();
    const client = house.client();
    const { reservationId = "" } = await client.reserve({ claim: claim(100n) });
    const first = { reservationId, amountAtomicObserved: 70n, providerResponseFacts: { model: "m" } };
    const replay = (change: object) => client.commit({ ...first, ...change }, { idempotencyKey: "k" });
    await replay({});
    for (const change of [
      { amountAtomicObserved: 71n },
      { providerResponseFacts: { model: "n" } },
      { amountAtomicObserved: 71n, providerResponseFacts: { model: "n" } },
    ]) {
      await expect(replay(change)).rejects.toSatisfy((error) => ReplayConflictError.isInstance(error));
    }
    const events = (await feedOf(house)).map(
      (line) => JSON.parse(line) as { readonly type: string; readonly data: Record<string, unknown> },
    );
    const rejected = events.filter(({ type }) => type.endsWith(".replay_rejected"));
    expect(rejected.map(({ data }) => data["conflict_field"])).toEqual([
      "amount_atomic_observed",
      "provider_response_facts",
      "amount_atomic_observed,provider_response_facts",
    ]);
  });

  it("answers a client that speaks Connect's binary form with 415, and says what to post", async () => {
    const { embedded, apiKey } = await openHouse();
    for (const type of ["application/proto", "application/grpc", "application/connect+json"]) {
      const headers = { authorization: `Bearer ${apiKey}`, "content-type": type };
      const request = new Request(`${issuer}/asp.v1.AgentSpendProtocol/Reserve`, {
        method: "POST",
        headers,
        body: "x",
      });
      const answer = await embedded.handler(request);
      expect([answer.status, answer.headers.get("accept-post")]).toEqual([415, "application/json"]);
      expect(await answer.json()).toMatchObject({ message: expect.stringContaining(type) });
    }
  });
});
