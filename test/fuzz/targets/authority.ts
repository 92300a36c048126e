import { type EmbeddedAuthority, createEmbeddedAuthority } from "@imprest/embedded";

// The authority that is fuzzed, and a proper request for each of its operations.

const unit = "USD_MICROCENTS";
export const key = "a-key-of-the-fuzzer-0123456789";
export const adminKey = "an-admin-key-of-the-fuzzer";
const subject = { tenant: "acme", dimensions: { run_id: "r" } };
const action = { kind: "llm.completion", name: "gpt", tags: ["a"] };
const estimate = { unit, amount: 5 };
const claim = { budgetId: "tenant:acme", unit, amountAtomic: "5", direction: "DEBIT", windowInstanceId: "w" };

/** A proper request for each operation. */
export const requests: readonly (readonly [target: string, body: object | undefined])[] = [
  ["/v1/decide", { idempotency_key: "k", subject, action, estimate }],
  ["/v1/reservations", { idempotency_key: "k", subject, action, estimate, ttl_ms: 5_000, overage_policy: "REJECT" }],
  [
    "/v1/reservations/rsv_1/commit",
    { idempotency_key: "k", actual: estimate, metrics: { tokens_input: 1, custom: {} } },
  ],
  ["/v1/reservations/rsv_1/release", { idempotency_key: "k", reason: "r" }],
  ["/v1/reservations/rsv_1/extend", { idempotency_key: "k", extend_by_ms: 1_000 }],
  ["/v1/events", { idempotency_key: "k", subject, action, actual: estimate, client_time_ms: 1, metadata: { a: 1 } }],
  ["/v1/reservations?status=ACTIVE&limit=5&sort_by=created_at_ms&include=subject", undefined],
  ["/v1/balances?tenant=acme&include_children=true", undefined],
  ["/v1/balances?scope_prefix=tenant", undefined],
  ["/v1/events?category=budget&limit=10", undefined],
  ["/v1/admin/events?sort_by=scope&sort_dir=asc&search=acme", undefined],
  ["/v1/admin/action-quota-counters?tenant_id=acme", undefined],
  ["/v1/admin/webhooks/x/replay", { from: "2026-01-01T00:00:00Z", max_events: 5 }],
  ["/v1/auth/introspect", undefined],
  ["/v1/evidence/00", undefined],
  ["/asp.v1.AgentSpendProtocol/Reserve", { claim, idempotencyKey: "k", decisionContext: { callType: "llm" } }],
  ["/asp.v1.AgentSpendProtocol/Commit", { reservationId: "r", amountAtomicObserved: "5", idempotencyKey: "k" }],
  ["/asp.v1.AgentSpendProtocol/QueryBudget", { budgetId: "tenant:acme", unit }],
  ["/.well-known/asp-authority", undefined],
  ["/asp/events?cursor=0", undefined],
];

/** Memory bounded in all that it keeps, and every plane open. */
export async function createFuzzedAuthority(): Promise<EmbeddedAuthority> {
  const authority = createEmbeddedAuthority({
    retention: { finishedReservations: 500, idempotencyKeys: 500 },
    governance: { adminKeys: [adminKey], retention: { events: 500, deliveries: 100 } },
    asp: { issuer: "https://fuzz.example", signingKey: { kid: "k1", privateKey: new Uint8Array(32).fill(1) } },
  });
  await authority.budgets.create({ scope: { tenant: "acme" }, allocated: { unit, amount: 1_000_000_000n } });
  await authority.apiKeys.create({ tenant: "acme", key });
  return authority;
}

/** @throws Error when the books do not add up. */
export async function assertBalanced(authority: EmbeddedAuthority): Promise<void> {
  for (const budget of await authority.budgets.list({ scope: { tenant: "acme" } })) {
    const { allocated, spent, reserved, debt, remaining } = budget;
    if (remaining !== allocated - spent - reserved - debt || reserved < 0n || spent < 0n || debt < 0n) {
      throw new Error(`the books do not balance: ${allocated} ${spent} ${reserved} ${debt} ${remaining}`);
    }
  }
}
