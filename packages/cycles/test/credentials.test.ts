import { settlementQueue, usd } from "@imprest/core";
import { CyclesAuthority, CyclesClient, withReservation } from "@imprest/cycles";
import { expect, it, vi } from "vitest";
import { type Received, allow, committed, refusal, startStub } from "./support/stub-authority.ts";

const request = { estimate: usd("0.02"), action: { kind: "k" }, subject: { tenant: "acme" } };
/** The longest wait that the jitter allows: about half a second after the first failure. */
const random = (length: number): Uint8Array => new Uint8Array(length).fill(255);

const onlyFor = (valid: () => string) => (received: Received) => {
  if (received.path === "/v1/reservations") return { body: allow };
  return received.headers["x-cycles-api-key"] === valid() ? { body: committed } : refusal(401, "UNAUTHORIZED");
};

it("a spend that a refused key left waiting is settled at once when the client gets another", async () => {
  const stub = await startStub(onlyFor(() => "new-api-key"));
  const client = new CyclesClient({ baseUrl: stub.url, apiKey: "old-api-key" });
  const authority = new CyclesAuthority(client, { random });
  const outcomes: string[] = [];
  const { settlement } = await withReservation(authority, request, () => 1, {
    spend: () => usd("0.01"),
    onSettlement: ({ status }) => outcomes.push(status),
  });
  expect(settlement.status).toBe("pending");
  client.useApiKey("new-api-key");
  await vi.waitFor(() => expect(outcomes).toEqual(["pending", "committed"]), { timeout: 300, interval: 5 });
  expect(stub.received.map(({ headers }) => headers["x-cycles-api-key"])).toEqual([
    "old-api-key",
    "old-api-key",
    "new-api-key",
  ]);
  await settlementQueue(authority).close({ timeoutMs: 0 });
});

it("an apiKey function that gives another key wakes what waits, as soon as any call asks it", async () => {
  let key = "old-api-key";
  const stub = await startStub(onlyFor(() => "new-api-key"));
  const authority = new CyclesAuthority({ baseUrl: stub.url, apiKey: () => key }, { random });
  await withReservation(authority, request, () => 1, { spend: () => usd("0.01") });
  key = "new-api-key";
  await withReservation(authority, request, () => 1, { spend: () => usd("0.01") });
  await vi.waitFor(() => expect(settlementQueue(authority).pending).toBe(0), { timeout: 300, interval: 5 });
  await settlementQueue(authority).close({ timeoutMs: 0 });
});

it("refuses a key that cannot be sent, and keeps the one it has", () => {
  const client = new CyclesClient({ baseUrl: "http://localhost:1", apiKey: "old-api-key" });
  expect(() => client.useApiKey("with space")).toThrow("apiKey");
});
