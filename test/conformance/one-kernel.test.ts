import * as asp from "@imprest/asp";
import * as core from "@imprest/core";
import * as cycles from "@imprest/cycles";
import { fakeAuthority } from "@imprest/testing";
import { describe, expect, it } from "vitest";

// The helpers of the protocol packages are core's own, and take an authority or whatever has one.

it.each([
  ["guard", core.guard, cycles.guard, asp.guard],
  ["guardStream", core.guardStream, cycles.guardStream, asp.guardStream],
  ["openReservation", core.openReservation, cycles.openReservation, asp.openReservation],
  ["withReservation", core.withReservation, cycles.withReservation, asp.withReservation],
  ["withReservationStream", core.withReservationStream, cycles.withReservationStream, asp.withReservationStream],
])("%s of the Cycles and ASP packages is core's very function", (_name, own, ofCycles, ofAsp) => {
  expect(ofCycles).toBe(own);
  expect(ofAsp).toBe(own);
});

it("a client has one authority, whose queue is the client's", () => {
  const baseUrl = "https://authority.example";
  const client = new cycles.CyclesClient({ baseUrl, apiKey: "test-key-123" });
  const other = new asp.AspClient({ baseUrl });
  expect(client.authority).toBe(client.authority);
  expect(other.authority).toBe(other.authority);
  expect([client.authority.client, other.authority.client]).toEqual([client, other]);
});

const request = { estimate: core.usd("0.02"), action: { kind: "llm.completion" } };
const spend = (): core.Amount => core.usd("0.01");
const streamed = { spend, settle: "estimate" } as const;
async function* chunks(): AsyncGenerator<number> {
  yield 1;
}
async function drain(stream: AsyncIterable<number>): Promise<void> {
  for await (const _chunk of stream);
}

const helpers: [string, (source: core.AuthoritySource) => Promise<unknown>][] = [
  ["withReservation", (source) => core.withReservation(source, request, () => 1, { spend })],
  ["guard", (source) => core.guard(source, request, () => 1, { spend })()],
  ["withReservationStream", (source) => drain(core.withReservationStream(source, request, chunks, streamed))],
  ["guardStream", (source) => drain(core.guardStream(source, request, chunks, streamed)())],
  ["openReservation", async (source) => (await core.openReservation(source, request)).commit(spend())],
  [
    "adopt",
    async (source) => {
      const exported = (await core.openReservation(source, request)).export();
      return (await core.adopt(source, exported)).commit(spend());
    },
  ],
];

describe("whoever has an authority can be handed to", () => {
  it.each(helpers)("%s", async (_name, run) => {
    const authority = fakeAuthority();
    await run({ authority });
    expect(authority.calls).toEqual(["reserve", "commit"]);
    expect(core.settlementQueue({ authority }).pending).toBe(core.settlementQueue(authority).pending);
  });

  it("settlementQueue, which is the authority's own", async () => {
    const authority = fakeAuthority({ settle: [() => ({ retry: new core.ConnectionError("reset") })] });
    await core.withReservation({ authority }, request, () => 1, { spend });
    expect(core.settlementQueue({ authority }).pending).toBe(1);
    expect(core.settlementQueue(authority).pending).toBe(1);
    await core.settlementQueue({ authority }).close({ timeoutMs: 0 });
  });

  it("guard, which asks that authority about its options", () => {
    const client = new asp.AspClient({ baseUrl: "https://authority.example" });
    const options = { failOpen: { reason: "outage" } };
    expect(() => core.guard(client, request, () => 1, options)).toThrow(core.ConfigurationError);
  });
});
