import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Amount, tokens } from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import { CyclesGovernanceClient } from "@imprest/cycles/governance";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { createManualClock } from "@imprest/testing";
import { expect, it, onTestFinished, vi } from "vitest";
import { CyclesSource } from "../../src/cli/console/cycles-source.ts";
import type { SourceListener, SourceRow } from "../../src/cli/console/source.ts";
import type { NewActivity } from "../../src/cli/console/source.ts";

const apiKey = "imp_test_key_0123456789abcdef";
const subject = { tenant: "acme", agent: "writer" };
const action = { kind: "llm.completion", name: "gpt-5" };

/** What a source has reported until now. */
class Reported implements SourceListener {
  readonly activities: NewActivity[] = [];
  readonly failures: unknown[] = [];
  rows: readonly SourceRow[] = [];
  isCut = false;
  polls = 0;
  readonly happened = (news: readonly NewActivity[]) => void this.activities.push(...news);
  readonly changed = () => expect.unreachable("a server that is polled is listed whole");
  readonly listed = (rows: readonly SourceRow[], isCut: boolean) => void ([this.rows, this.isCut] = [rows, isCut]);
  readonly polled = (failure: unknown): void => {
    this.polls += 1;
    if (failure !== undefined) this.failures.push(failure);
  };
}

function follow(baseUrl: string): { readonly source: CyclesSource; readonly reported: Reported } {
  const options = { baseUrl, apiKey, readAttempts: 1, timeoutMs: 5_000 };
  const parts = { client: new CyclesClient(options), governance: new CyclesGovernanceClient(options), tenant: "acme" };
  const source = new CyclesSource(parts);
  const reported = new Reported();
  onTestFinished(source.follow(reported));
  return { source, reported };
}

async function authority(port = 0, governance = { adminKeys: ["imp_admin_0123456789abcdef"] }) {
  const clock = createManualClock(Date.now());
  const embedded = createEmbeddedAuthority({ clock, governance });
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
  await embedded.budgets.create({ scope: subject, allocated: tokens(100) });
  await embedded.apiKeys.create({ tenant: "acme", key: apiKey });
  const server = await serve(embedded, { port });
  return { clock, embedded, server, client: new CyclesClient({ baseUrl: server.url, apiKey }) };
}

function reserve(client: CyclesClient, estimate: Amount, ttl_ms = 60_000) {
  return client.createReservation({ subject, action, estimate, ttl_ms });
}

it("sees budgets, reservations that open, extend, settle and expire, and denials, each once", async () => {
  const { clock, embedded, server, client } = await authority();
  onTestFinished(() => server.close().then(() => embedded.close()));
  const { source, reported } = follow(server.url);
  await vi.waitFor(() => expect(reported.polls).toBe(1));
  const [one, two] = [await reserve(client, tokens(30)), await reserve(client, tokens(20), 5_000)];
  await vi.waitFor(() => expect(reported.activities).toHaveLength(2), { timeout: 5_000 });
  await client.extendReservation(one.reservation_id ?? "", { extend_by_ms: 60_000 });
  await expect(reserve(client, tokens(90))).rejects.toThrow(/too little/);
  await vi.waitFor(() => expect(reported.activities).toHaveLength(4), { timeout: 5_000 });
  await client.commitReservation(one.reservation_id ?? "", { actual: tokens(25) });
  await clock.advance(30_000);
  await vi.waitFor(() => expect(reported.activities).toHaveLength(6), { timeout: 5_000 });
  const { polls } = reported;
  await vi.waitFor(() => expect(reported.polls).toBeGreaterThan(polls + 1), { timeout: 5_000 });
  expect(reported.activities.map(({ kind }) => kind).toSorted()).toEqual([
    "committed",
    "denied",
    "expired",
    "extended",
    "reserved",
    "reserved",
  ]);
  const of = (kind: string): NewActivity | undefined => reported.activities.find((activity) => activity.kind === kind);
  const charged = { amount: "25", unit: "TOKENS" };
  expect(of("committed")).toMatchObject({ reservationId: one.reservation_id, charged, agent: "writer", action });
  expect(of("expired")).toMatchObject({ reservationId: two.reservation_id, atMs: two.expires_at_ms });
  expect(of("denied")).toMatchObject({
    reason: "BUDGET_EXCEEDED",
    scope: "tenant:acme/agent:writer",
    agent: "writer",
    estimate: { amount: "90", unit: "TOKENS" },
    remaining: "50",
    blockedBy: { scope: "tenant:acme/agent:writer" },
  });
  expect(reported.rows.find(({ scope }) => scope.endsWith("writer"))).toMatchObject({ spent: "25", remaining: "75" });
  expect(source.seesDenials).toBe(true);
  expect(reported.failures).toEqual([]);
  const { signal } = new AbortController();
  expect(await source.reservation(one.reservation_id ?? "", signal)).toMatchObject({ status: "COMMITTED", charged });
  expect(await source.reservation(two.reservation_id ?? "", signal)).toMatchObject({ status: "EXPIRED" });
  expect(await source.reservation("rsv_none", signal)).toBeUndefined();
}, 30_000);

it("does not call an empty list of denials what a server does not list", async () => {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(1_000) });
  await embedded.apiKeys.create({ tenant: "acme", key: apiKey });
  const server = await serve(embedded, { port: 0 });
  onTestFinished(() => server.close().then(() => embedded.close()));
  const { source, reported } = follow(server.url);
  await vi.waitFor(() => expect(reported.polls).toBeGreaterThan(0));
  expect(reported.failures).toEqual([]);
  expect(source.seesDenials).toBe(false);
});

it("goes on where it was when the server is down and up again", async () => {
  const first = await authority();
  const { reported } = follow(first.server.url);
  await vi.waitFor(() => expect(reported.polls).toBe(1));
  const { port } = new URL(first.server.url);
  await first.server.close();
  await vi.waitFor(() => expect(reported.failures.length).toBeGreaterThan(0), { timeout: 5_000 });
  expect(JSON.stringify(reported.failures)).not.toContain(apiKey);
  const failures = reported.failures.length;
  const server = await serve(first.embedded, { port: Number(port) });
  onTestFinished(() => server.close().then(() => first.embedded.close()));
  await reserve(first.client, tokens(5));
  await vi.waitFor(() => expect(reported.activities).toHaveLength(1), { timeout: 10_000 });
  expect(reported.failures.length).toBeLessThan(failures + 4);
}, 30_000);

/** A server that answers whatever a test says. */
async function lying(answer: (path: string) => unknown): Promise<string> {
  const server: Server = createServer((request, response) => {
    const body = answer(request.url ?? "");
    response.setHeader("Content-Type", "application/json");
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const markup = `<img src=x onerror=alert(1)>\u202e${"😀".repeat(100_000)}`;
const remaining = { unit: "TOKENS", amount: 5 };

function reservationAt(at: number): object {
  return {
    reservation_id: `${at}${markup}`,
    status: at % 2 === 0 ? "constructor" : "ACTIVE",
    subject: { tenant: "acme", agent: markup },
    action: { kind: markup, name: markup },
    reserved: remaining,
    created_at_ms: at,
    expires_at_ms: at + 1,
    scope_path: markup,
    affected_scopes: [],
  };
}

it("keeps what a server sends within bounds: texts are cut, and stay texts", async () => {
  const event = {
    event_id: "e",
    event_type: "reservation.denied",
    category: "reservation",
    tenant_id: markup,
    source: "s",
  };
  const data = { scope: markup, reason_code: markup, subject: { agent: markup }, deny_detail: { reason_code: 7 } };
  const url = await lying((path) => {
    if (path.startsWith("/v1/balances")) return { balances: [{ scope: markup, scope_path: markup, remaining }] };
    if (path.startsWith("/v1/reservations?")) return { reservations: [1, 2, 3].map(reservationAt) };
    if (path.startsWith("/v1/events")) return { events: [{ ...event, timestamp: "2026-01-01T00:00:00Z", data }] };
    return {};
  });
  const { reported } = follow(url);
  await vi.waitFor(() => expect(reported.activities.length).toBeGreaterThanOrEqual(4), { timeout: 5_000 });
  expect(reported.rows).toMatchObject([{ allocated: "5", spent: "0", remaining: "5" }]);
  const text = JSON.stringify([reported.rows, reported.activities]);
  expect(text.length).toBeLessThan(60_000);
  expect(text).toContain("<img src=x onerror=alert(1)>");
  expect(text.isWellFormed()).toBe(true);
  expect(new Set(reported.activities.map(({ kind }) => kind))).toEqual(new Set(["reserved", "denied"]));
});

it.each([
  ["no JSON", () => "<html>"],
  ["another shape", () => ({ balances: "all" })],
  [
    "amounts that are no int64",
    () => `{"balances":[{"scope":"a","scope_path":"a","remaining":{"unit":"TOKENS","amount":1e400}}]}`,
  ],
  ["an answer of a hundred megabytes", () => `[${'"x",'.repeat(25_000_000)}0]`],
  ["a list that never ends", () => ({ balances: [], has_more: true, next_cursor: "again" })],
])(
  "reports, and shows nothing of, %s",
  async (_what, answer) => {
    const { reported } = follow(await lying(answer));
    await vi.waitFor(() => expect(reported.failures.length).toBeGreaterThan(0), { timeout: 10_000 });
    expect([reported.rows, reported.activities]).toEqual([[], []]);
  },
  20_000,
);

it("stops at 2,000 budgets of a list that is longer, and says so", async () => {
  let page = 0;
  const url = await lying((path) => {
    if (!path.startsWith("/v1/balances")) return { reservations: [], events: [] };
    page += 1;
    const balances = Array.from({ length: 200 }, (_, at) => ({ scope: "a", scope_path: `a:${page}-${at}`, remaining }));
    return { balances, has_more: true, next_cursor: `c${page}` };
  });
  const { reported } = follow(url);
  await vi.waitFor(() => expect(reported.polls).toBe(1), { timeout: 10_000 });
  expect([reported.rows.length, reported.isCut]).toEqual([2_000, true]);
}, 20_000);
