import type { Activity, BudgetRow, Burn, ReservationLife, WaitingRow } from "imprest/internal";
import type { Answers } from "./fake-console.ts";

// Books that look like those of a small team, at any time.

const cents = (amount: number): string => String(amount * 1_000_000);
const money = (amount: number): { amount: string; unit: string } => ({ amount: cents(amount), unit: "USD_MICROCENTS" });

interface BudgetParts {
  readonly scope: string;
  readonly allocated: number;
  readonly spent: number;
  readonly reserved?: number;
  readonly debt?: number;
  readonly exhaustsInMs?: number;
  readonly period?: boolean;
}

/** A budget in cents of a dollar. */
export function budgetRow(parts: BudgetParts, nowMs: number): BudgetRow {
  const { scope, allocated, spent, reserved = 0, debt = 0, exhaustsInMs, period = true } = parts;
  return {
    id: `id-${scope}`,
    tenant: /tenant:([^/]+)/.exec(scope)?.[1] ?? "acme",
    scope,
    unit: "USD_MICROCENTS",
    allocated: cents(allocated),
    spent: cents(spent),
    reserved: cents(reserved),
    debt: cents(debt),
    remaining: cents(allocated - spent - reserved - debt),
    status: "ACTIVE",
    isOverLimit: false,
    ...(period && { period: { startsAtMs: nowMs - 9 * 3_600_000, endsAtMs: nowMs + 15 * 3_600_000 } }),
    ...(exhaustsInMs !== undefined && { exhaustsAtMs: nowMs + exhaustsInMs }),
  };
}

export function budgetsAt(nowMs: number): BudgetRow[] {
  return [
    { scope: "tenant:acme", allocated: 2_000, spent: 1_128, reserved: 31, exhaustsInMs: 5.2 * 3_600_000 },
    { scope: "tenant:acme/agent:researcher", allocated: 400, spent: 212, reserved: 12, exhaustsInMs: 96 * 60_000 },
    { scope: "tenant:acme/agent:writer", allocated: 150, spent: 138, reserved: 4, exhaustsInMs: 250_000 },
    { scope: "tenant:acme/agent:reviewer", allocated: 150, spent: 150 },
    { scope: "tenant:acme/agent:translator", allocated: 100, spent: 3 },
    { scope: "tenant:globex", allocated: 5_000, spent: 640, reserved: 55, exhaustsInMs: 40 * 3_600_000, period: false },
    { scope: "tenant:globex/agent:support", allocated: 1_200, spent: 411, reserved: 20, period: false },
  ].map((parts) => budgetRow(parts, nowMs));
}

/** An activity of one of four agents; the parts that are given replace its own. */
export function activity(number: number, atMs: number, parts: Partial<Activity> = {}): Activity {
  const agents = ["writer", "researcher", "translator", "support"] as const;
  const agent = agents[number % 4] ?? "writer";
  const tenant = agent === "support" ? "globex" : "acme";
  const kinds = ["reserved", "committed", "reserved", "committed", "released", "extended"] as const;
  const kind = parts.kind ?? kinds[number % 6] ?? "reserved";
  return {
    number,
    atMs,
    kind,
    tenant,
    scope: `tenant:${tenant}/agent:${agent}`,
    agent,
    action: { kind: "llm.completion", name: number % 3 === 0 ? "gpt-5.6-mini" : "gpt-5.6" },
    reservationId: `rsv_${(0x5f3a91 + Math.floor(number / 2) * 7919).toString(16)}`,
    reserved: money(4),
    ...(kind === "committed" && { charged: money(1 + (number % 3)) }),
    ...((kind === "reserved" || kind === "extended") && { expiresAtMs: atMs + 60_000 }),
    ...(number % 12 === 0 && { caps: { max_tokens: 500 } }),
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    ...parts,
  };
}

/** A denial of a budget that is too small: what reached the page is what the embedded authority says. */
export function denial(number: number, atMs: number, parts: Partial<Activity> = {}): Activity {
  const {
    reservationId: _none,
    reserved: _held,
    expiresAtMs: _end,
    ...rest
  } = activity(number, atMs, { kind: "denied" });
  return {
    ...rest,
    agent: "writer",
    tenant: "acme",
    scope: "tenant:acme/agent:writer",
    estimate: money(9),
    reason: "BUDGET_EXCEEDED",
    blockedBy: { scope: "tenant:acme/agent:writer" },
    remaining: cents(8),
    suggestedFix: "Fund tenant:acme/agent:writer budget by at least 1000000 USD_MICROCENTS",
    ...parts,
  };
}

export function activitiesAt(nowMs: number, count = 120): Activity[] {
  return Array.from({ length: count }, (_, at) => {
    const [number, atMs] = [at + 1, nowMs - (count - at) * 1_700];
    if (number === count - 3) return denial(number, atMs);
    return number === count - 20 ? quotaDenial(number, atMs) : activity(number, atMs);
  });
}

function quotaDenial(number: number, atMs: number): Activity {
  const { remaining: _none, ...rest } = denial(number, atMs, {
    reason: "ACTION_QUOTA_EXCEEDED",
    agent: "researcher",
    scope: "tenant:acme/agent:researcher",
    action: { kind: "tool.search", name: "web" },
    blockedBy: { policy: "searches-per-hour" },
    suggestedFix: "Wait 12 minutes, or raise the quota of the policy",
  });
  return rest;
}

export function burnAt(nowMs: number, span: Burn["span"], spent = 138): Burn {
  const lengthMs = span === "hour" ? 3_600_000 : 24 * 3_600_000;
  const points = Array.from({ length: 120 }, (_, at) => {
    const part = at / 119;
    const wave = 0.04 * Math.sin(at / 5) + 0.02 * Math.sin(at * 1.7);
    const value = spent * (span === "hour" ? 0.55 + 0.45 * part : part ** 1.8) * (1 + (1 - part) * wave);
    return [nowMs - lengthMs + Math.round(part * lengthMs), String(Math.round(value * 1_000_000))] as const;
  });
  return { id: "any", span, unit: "USD_MICROCENTS", points };
}

export function waitingAt(nowMs: number): WaitingRow[] {
  const at = { protocol: "cycles", target: "https://budget.example", store: "/var/lib/agent/records" } as const;
  return [
    {
      ...at,
      state: "dead-letter",
      key: "settlement:018f6b2e-7c1a-7000-8000-000000000001",
      reservationId: "rsv_61a2c8",
      amount: money(7),
      sinceMs: nowMs - 3 * 3_600_000,
      error: { code: "RESERVATION_EXPIRED", message: "The reservation ended before its commit arrived." },
    },
    {
      ...at,
      state: "pending",
      key: "settlement:018f6b2e-7c1a-7000-8000-000000000002",
      reservationId: "rsv_61a2f0",
      amount: money(2),
      sinceMs: nowMs - 42_000,
      error: { code: "AUTHORITY_UNREACHABLE", message: "connect ECONNREFUSED 10.0.0.4:7878" },
    },
  ];
}

export function lifeAt(nowMs: number): ReservationLife {
  const reservationId = "rsv_5f3a91";
  const start = nowMs - 95_000;
  const of = { reservationId, agent: "writer", tenant: "acme", scope: "tenant:acme/agent:writer" } as const;
  const [budget, tenant] = [budgetsAt(nowMs)[2], budgetsAt(nowMs)[0]];
  return {
    ...of,
    status: "COMMITTED",
    action: { kind: "llm.completion", name: "gpt-5.6" },
    reserved: money(4),
    charged: money(2),
    createdAtMs: start,
    settledAtMs: start + 64_380,
    activities: [
      activity(1, start, { ...of, kind: "reserved", caps: { max_tokens: 500 } }),
      activity(2, start + 30_000, { ...of, kind: "extended" }),
      activity(3, start + 64_380, { ...of, kind: "committed", charged: money(2) }),
    ],
    budgets: [budget, tenant].filter((row) => row !== undefined),
    traceIds: ["4bf92f3577b34da6a3ce929d0e0e4736"],
    evidence: ["evidence/018f6b2e-7c1a-7000-8000-00000000a001"],
  };
}

/** What a console of these books answers. */
export function answersAt(nowMs: number): Answers {
  return {
    state: {
      authority: { kind: "embedded", target: "/var/lib/imprest/books.sqlite" },
      live: "pushed",
      nowMs,
      waiting: true,
      denials: true,
      upstream: { ok: true },
    },
    budgets: { rows: budgetsAt(nowMs), isCut: false },
    activities: { activities: activitiesAt(nowMs), isCut: false },
    waiting: { rows: waitingAt(nowMs), isCut: false, failures: [] },
    burn: (query: URLSearchParams) => {
      const budget = budgetsAt(nowMs).find(({ id }) => id === query.get("id"));
      return burnAt(nowMs, query.get("span") === "day" ? "day" : "hour", Number(budget?.spent ?? "0") / 1_000_000);
    },
    reservations: lifeAt(nowMs),
  };
}
