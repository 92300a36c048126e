import { type EmbeddedAuthority, type WireRequest, createEmbeddedAuthority } from "@imprest/embedded";
import { type Chance, mutate } from "../mutate.ts";
import type { Target } from "../target.ts";

const unit = "USD_MICROCENTS";
const key = "a-key-of-the-fuzzer-0123456789";
const adminKey = "an-admin-key-of-the-fuzzer";
const subject = { tenant: "acme", dimensions: { run_id: "r" } };
const action = { kind: "llm.completion", name: "gpt", tags: ["a"] };
const estimate = { unit, amount: 5 };
const claim = { budgetId: "tenant:acme", unit, amountAtomic: "5", direction: "DEBIT", windowInstanceId: "w" };

const bodies: readonly (readonly [target: string, body: object | undefined])[] = [
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

/** What is sent, as one text that can be mutated whole: method, target and body by lines. */
const corpus = bodies.map(
  ([target, body]) => `${body ? "POST" : "GET"}\n${target}\n${body ? JSON.stringify(body) : ""}`,
);

/** Every request is answered, never with a 5xx, and the books balance whatever was asked. */
export const embeddedHttp: Target = {
  name: "embedded-http",
  corpus,
  start(chance) {
    const authority = createEmbeddedAuthority({
      retention: { finishedReservations: 500, idempotencyKeys: 500 },
      governance: { adminKeys: [adminKey], retention: { events: 500, deliveries: 100 } },
      asp: { issuer: "https://fuzz.example", signingKey: { kid: "k1", privateKey: new Uint8Array(32).fill(1) } },
    });
    let reservation = "rsv_1";
    let sent = 0;
    const ready = prepare(authority);
    return async (input) => {
      await ready;
      const [method = "", target = "", ...body] = input.split("\n");
      const request = requestOf(method, target.replace("rsv_1", reservation), body.join("\n"), chance);
      const { status, body: text } = await authority.answer(request);
      if (!(status >= 200 && status < 500) && status !== 501)
        throw new Error(`answered ${status}: ${text.slice(0, 200)}`);
      reservation = /"reservation_id":"(rsv_[^"]+)"/.exec(text)?.[1] ?? reservation;
      sent += 1;
      if (sent % 1_000 === 0) await assertBalanced(authority);
    };
  },
};

async function prepare(authority: EmbeddedAuthority): Promise<void> {
  await authority.createBudget({ scope: { tenant: "acme" }, allocated: { unit, amount: 1_000_000_000n } });
  await authority.createApiKey({ tenant: "acme", key });
}

const headers: readonly string[] = [
  "x-idempotency-key",
  "content-type",
  "traceparent",
  "x-cycles-trace-id",
  "x-admin-api-key",
];

function requestOf(method: string, target: string, body: string, chance: Chance): WireRequest {
  const odd = chance.below(8) === 0 ? chance.one(headers) : undefined;
  const oddValue = odd === undefined ? "" : mutate("application/json; 00-1234-5678-01", ["k"], chance);
  return {
    method,
    target,
    header: (name) => {
      if (name === odd) return oddValue;
      if (name === "x-cycles-api-key") return key;
      if (name === "authorization") return `Bearer ${key}`;
      return name === "x-admin-api-key" && target.includes("/admin/") ? adminKey : undefined;
    },
    body: new TextEncoder().encode(body),
  };
}

async function assertBalanced(authority: EmbeddedAuthority): Promise<void> {
  for (const budget of await authority.listBudgets({ scope: { tenant: "acme" } })) {
    const { allocated, spent, reserved, debt, remaining } = budget;
    if (remaining !== allocated - spent - reserved - debt || reserved < 0n || spent < 0n || debt < 0n) {
      throw new Error(`the books do not balance: ${allocated} ${spent} ${reserved} ${debt} ${remaining}`);
    }
  }
}
