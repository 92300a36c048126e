import { afterEach, describe, expect, it } from "vitest";
import { createEmbeddedAuthority } from "../../src/index.ts";
import { FakeClock, MapStore, WireCaller } from "../support.ts";
import { Receiver, adminKey, eventually, governed, loopback, secret, usd } from "./support.ts";

const action = { kind: "test", name: "n" };
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Asks for more than a tenant has, so many times, as a broken agent does. */
async function deny(caller: WireCaller, tenant: string, times: number): Promise<void> {
  for (let at = 0; at < times; at += 1) {
    const request = { idempotency_key: `${tenant}-${at}`, subject: { tenant }, action };
    await caller.post("/v1/reservations", { ...request, estimate: { unit: "USD_MICROCENTS", amount: 1_000_000 } });
  }
}

const typesOf = async (caller: WireCaller): Promise<string[]> => {
  const { body } = await caller.get("/v1/events?limit=100");
  return (body["events"] as { event_type: string }[]).map(({ event_type: type }) => type);
};

describe("a noisy tenant", () => {
  it("erases no event of another's, and only its own oldest", async () => {
    const { authority, key } = await governed({ governance: { adminKeys: [adminKey], retention: { events: 5 } } });
    cleanups.push(() => authority.close());
    await authority.budgets.create({ scope: { tenant: "noisy" }, allocated: usd(1n) });
    const noisy = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "noisy" })).key);
    const acme = new WireCaller(authority, key);
    const before = await typesOf(acme);
    await deny(noisy, "noisy", 30);
    expect(before).toContain("budget.created");
    expect(await typesOf(acme)).toEqual(before);
    expect(await typesOf(noisy)).toEqual(Array.from({ length: 5 }, () => "reservation.denied"));
  });

  it("is bounded in bytes too", async () => {
    const { authority, key } = await governed({
      governance: { adminKeys: [adminKey], retention: { eventBytes: 4_000 } },
    });
    cleanups.push(() => authority.close());
    const acme = new WireCaller(authority, key);
    await deny(acme, "acme", 30);
    const kept = await typesOf(acme);
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.length).toBeLessThan(10);
  });

  it("loses no event that a delivery waits for, in this run and in the next", async () => {
    const receiver = await Receiver.start();
    cleanups.push(() => receiver.close());
    receiver.answer = (response) => void response.writeHead(503).end();
    const disk = new Map<string, string>();
    const clock = new FakeClock();
    const options = {
      clock,
      governance: { adminKeys: [adminKey], allowAddresses: [loopback], retention: { events: 3 } },
    };
    const open = async () => {
      const authority = createEmbeddedAuthority({ ...options, store: new MapStore(disk) });
      await authority.webhooks.add({
        id: "ops",
        tenant: "acme",
        url: receiver.url,
        secret,
        eventTypes: ["budget.created"],
        retry: { maxRetries: 10, initialDelayMs: 1_000 },
      });
      return authority;
    };
    const first = await open();
    await first.budgets.create({ scope: { tenant: "acme" }, allocated: usd(1n) });
    await receiver.until(1);
    const caller = new WireCaller(first, (await first.apiKeys.create({ tenant: "acme" })).key);
    await deny(caller, "acme", 10);
    expect(await typesOf(caller)).not.toContain("budget.created");
    await first.close();
    const second = await open();
    cleanups.push(() => second.close());
    receiver.answer = (response) => void response.writeHead(204).end();
    clock.advance(60_000);
    await eventually(() => receiver.received.length >= 2);
    expect(new Set(receiver.types)).toEqual(new Set(["budget.created"]));
    await eventually(
      () => ![...disk.values()].some((text) => text.includes('"budget.created"') && text.includes("tenant_id")),
    );
  });
});

describe("evidence of one tenant", () => {
  it("is kept whatever another has signed", async () => {
    const evidence = { serverId: "https://authority.example/v1", retention: { envelopes: 4 } };
    const authority = createEmbeddedAuthority({ evidence });
    cleanups.push(() => authority.close());
    const callers = new Map<string, WireCaller>();
    for (const tenant of ["quiet", "noisy"]) {
      await authority.budgets.create({ scope: { tenant }, allocated: usd(1_000n) });
      const caller = new WireCaller(authority, (await authority.apiKeys.create({ tenant })).key);
      callers.set(tenant, caller);
    }
    const decide = async (tenant: string, key: string): Promise<string> => {
      const estimate = { unit: "USD_MICROCENTS", amount: 1 };
      const request = { idempotency_key: key, subject: { tenant }, action, estimate };
      const answer = await callers.get(tenant)?.post("/v1/decide", request);
      const reference = answer?.body["cycles_evidence"] as { readonly evidence_id: string } | undefined;
      return reference?.evidence_id ?? "none";
    };
    const id = await decide("quiet", "k");
    for (let at = 0; at < 10; at += 1) await decide("noisy", `k${at}`);
    expect((await callers.get("quiet")?.get(`/v1/evidence/${id}`))?.status).toBe(200);
  });
});
