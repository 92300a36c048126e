import { DeniedError, tokens, withReservation } from "@imprest/core";
import { type EmbeddedAuthority, createEmbeddedAuthority } from "@imprest/embedded";
import { createLedgerAuthority } from "@imprest/embedded/ledger";
import { createManualClock } from "@imprest/testing";
import { expect, it, onTestFinished, vi } from "vitest";
import { EmbeddedSource } from "../../src/cli/console/embedded-source.ts";
import { ConsoleHub } from "../../src/cli/console/hub.ts";

const action = { kind: "llm.completion", name: "gpt-5" };

/** A ledger, what guards calls by it, and the console's knowledge of it, all by one clock. */
async function watched() {
  const clock = createManualClock();
  const source = new EmbeddedSource("a test", clock);
  const embedded: EmbeddedAuthority = createEmbeddedAuthority({ clock, onFact: source.onFact });
  source.open(embedded);
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
  await embedded.budgets.create({ scope: { tenant: "acme", agent: "writer" }, allocated: tokens(100) });
  const hub = new ConsoleHub({ source, clock });
  hub.start();
  onTestFinished(() => {
    hub.close();
    expect(clock.timers).toBe(0);
  });
  const authority = embedded.authority({ tenant: "acme", subject: { agent: "writer" }, clock });
  const spend = (amount: bigint) =>
    withReservation(authority, { estimate: tokens(amount), action }, (reservation) =>
      reservation.spend(tokens(amount)),
    );
  await vi.waitFor(() => expect(hub.budgets.rows).toHaveLength(2));
  return { clock, embedded, hub, spend };
}

it("answers which agent runs out next, when, and why the last call was denied", async () => {
  const { clock, embedded, hub, spend } = await watched();
  await clock.advance(30_000);
  await spend(20n);
  await clock.advance(30_000);
  await spend(20n);
  await clock.advance(1_000);
  await expect(spend(70n)).rejects.toBeInstanceOf(DeniedError);
  const [next, other] = hub.budgets.rows;
  expect(next).toMatchObject({ scope: "tenant:acme/agent:writer", spent: "40", remaining: "60", status: "ACTIVE" });
  // 40 in 61 seconds, so that 60 last for 91.5 more.
  expect(next?.exhaustsAtMs).toBe(clock.now() + 91_500);
  expect(other?.exhaustsAtMs).toBe(clock.now() + 1_464_000);
  expect(hub.activities.activities.findLast(({ kind }) => kind === "denied")).toMatchObject({
    agent: "writer",
    action,
    estimate: { amount: "70", unit: "TOKENS" },
    reason: "BUDGET_EXCEEDED",
    remaining: "60",
    blockedBy: { scope: "tenant:acme/agent:writer" },
    suggestedFix: "Fund tenant:acme/agent:writer budget by at least 10 TOKENS",
  });
  await embedded.close();
});

it("shows what is held while it is held, and a reservation's whole life", async () => {
  const { clock, embedded, hub } = await watched();
  const authority = embedded.authority({ tenant: "acme", subject: { agent: "writer" }, clock });
  const terms = { estimate: tokens(30), action };
  await withReservation(authority, terms, async (reservation) => {
    await clock.advance(1_000);
    const of = (scope: string) => hub.budgets.rows.find((row) => row.scope === scope);
    expect(of("tenant:acme/agent:writer")).toMatchObject({ reserved: "30", remaining: "70" });
    expect(of("tenant:acme")).toMatchObject({ reserved: "30", remaining: "970" });
    reservation.spend(tokens(12));
  });
  await clock.advance(1_000);
  const id = hub.activities.activities[0]?.reservationId ?? "";
  const life = await hub.life(id, new AbortController().signal);
  expect(life).toMatchObject({ status: "COMMITTED", charged: { amount: "12" }, agent: "writer", action });
  expect(life?.activities.map(({ kind }) => kind)).toEqual(["reserved", "committed"]);
  expect(life?.budgets.map(({ scope }) => scope)).toEqual(["tenant:acme/agent:writer", "tenant:acme"]);
  await embedded.close();
});

it("names where the signed evidence of a reservation is, where the authority signs", async () => {
  const source = new EmbeddedSource("a test");
  const evidence = { serverId: "https://authority.example/v1" };
  const embedded = createEmbeddedAuthority({ onFact: source.onFact, evidence });
  onTestFinished(() => embedded.close());
  source.open(embedded);
  await embedded.servedAt("https://authority.example");
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
  const hub = new ConsoleHub({ source });
  hub.start();
  onTestFinished(() => hub.close());
  const authority = embedded.authority({ tenant: "acme" });
  await withReservation(authority, { estimate: tokens(30), action }, (reservation) => reservation.spend(tokens(12)));
  const [first] = await vi.waitFor(() => {
    expect(hub.activities.activities).toHaveLength(2);
    return hub.activities.activities;
  });
  const life = await hub.life(first?.reservationId ?? "", new AbortController().signal);
  expect(life?.evidence).toHaveLength(2);
  for (const url of life?.evidence ?? [])
    expect(url).toMatch(/^https:\/\/authority\.example\/v1\/evidence\/[0-9a-f]{64}$/);
});

it("reports that the ledger cannot be read, once it is closed", async () => {
  const { clock, embedded, hub } = await watched();
  expect(hub.state.upstream.ok).toBe(true);
  await embedded.close();
  await clock.advance(10_000);
  await vi.waitFor(() => expect(hub.state.upstream).toMatchObject({ ok: false }));
  expect(hub.budgets.rows).toHaveLength(2);
});

it("shows 2,000 budgets of a ledger with more, those of tenants that are no level of their scope too", async () => {
  const clock = createManualClock();
  const source = new EmbeddedSource("a test", clock);
  const ledger = createLedgerAuthority({ onFact: source.onFact });
  onTestFinished(() => ledger.close());
  source.open(ledger);
  await ledger.budgets.create({ scope: { agent: "roaming" }, tenant: "acme", allocated: tokens(1) });
  const hub = new ConsoleHub({ source, clock });
  hub.start();
  onTestFinished(() => hub.close());
  await vi.waitFor(() => expect(hub.budgets.rows).toMatchObject([{ tenant: "acme", scope: "agent:roaming" }]));
  for (let at = 0; at < 2_100; at += 1) {
    await ledger.budgets.create({ scope: { tenant: "acme", agent: `a${at}` }, allocated: tokens(1) });
  }
  await clock.advance(10_000);
  await vi.waitFor(() => expect(hub.budgets).toMatchObject({ isCut: true }));
  expect(hub.budgets.rows).toHaveLength(2_000);
});
