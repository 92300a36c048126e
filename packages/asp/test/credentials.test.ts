import { type Transport, amount, settlementQueue } from "@imprest/core";
import { expect, it, vi } from "vitest";
import { AspAuthority, AspClient, withReservation } from "../src/index.ts";

const baseUrl = "https://authority.example";
const request = { estimate: amount("request", 2), action: { kind: "k" } };
const spend = () => amount("request", 1);
/** The longest wait that the jitter allows: about half a second after the first failure. */
const random = (length: number): Uint8Array => new Uint8Array(length).fill(255);

/** An authority that takes a commit under the new key alone. */
function renewed(): { readonly transport: Transport; readonly keys: (string | undefined)[] } {
  const keys: (string | undefined)[] = [];
  const transport: Transport = async ({ url, headers }) => {
    const ttlExpiresAt = new Date(Date.now() + 60_000).toISOString();
    if (url.endsWith("/Reserve")) {
      return {
        status: 200,
        headers: {},
        body: JSON.stringify({ decision: "ALLOW", reservationId: "r", ttlExpiresAt }),
      };
    }
    keys.push(headers["authorization"]);
    const isKnown = headers["authorization"] === "Bearer new-api-key";
    return { status: isKnown ? 200 : 401, headers: {}, body: isKnown ? "{}" : '{"code":"unauthenticated"}' };
  };
  return { transport, keys };
}

it("a spend that a refused key left waiting is settled at once when the client gets another", async () => {
  const { transport, keys } = renewed();
  const client = new AspClient({ baseUrl, apiKey: "old-api-key", transport });
  const authority = new AspAuthority(client, { budget: { budgetId: "b" }, random });
  const outcomes: string[] = [];
  const { settlement } = await withReservation(authority, request, () => 1, {
    spend,
    onSettlement: ({ status }) => outcomes.push(status),
  });
  expect(settlement.status).toBe("pending");
  client.useApiKey("new-api-key");
  await vi.waitFor(() => expect(outcomes).toEqual(["pending", "committed"]), { timeout: 300, interval: 5 });
  expect(keys).toEqual(["Bearer old-api-key", "Bearer new-api-key"]);
  await settlementQueue(authority).close({ timeoutMs: 0 });
});

it("an apiKey function that gives another key wakes what waits, as soon as any call asks it", async () => {
  let key = "old-api-key";
  const { transport } = renewed();
  const authority = new AspAuthority({ baseUrl, apiKey: () => key, transport }, { budget: { budgetId: "b" }, random });
  await withReservation(authority, request, () => 1, { spend });
  expect(settlementQueue(authority).pending).toBe(1);
  key = "new-api-key";
  await withReservation(authority, request, () => 1, { spend });
  await vi.waitFor(() => expect(settlementQueue(authority).pending).toBe(0), { timeout: 300, interval: 5 });
  await settlementQueue(authority).close({ timeoutMs: 0 });
});

it("refuses a key that cannot be sent, and keeps the one it has", async () => {
  const { transport, keys } = renewed();
  const client = new AspClient({ baseUrl, apiKey: "new-api-key", transport });
  expect(() => client.useApiKey("with space")).toThrow("apiKey");
  await client.release({ reservationId: "r" });
  expect(keys).toEqual(["Bearer new-api-key"]);
});
