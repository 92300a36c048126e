import { ConfigurationError, DeniedError, tokens, withReservation } from "@imprest/core";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import { afterEach, describe, expect, it } from "vitest";
import {
  type ActionPolicy,
  type EmbeddedAuthority,
  type EmbeddedAuthorityOptions,
  createEmbeddedAuthority,
} from "../../src/index.ts";
import { type Answer, FakeClock, MapStore, WireCaller } from "../support.ts";

// Cycles v0.1.26 beyond its vectors (test/conformance/cycles-vectors.test.ts).

const subject = { tenant: "acme", agent: "bot", dimensions: { run_id: "run-1" } };
const email = "message.email.send";
const perRun = { actionKind: email, maxCalls: 2, window: "per_run" } as const;
const policy = (more: Partial<ActionPolicy>): ActionPolicy => ({ id: "pol", scopePattern: "tenant:acme/*", ...more });
const opened: EmbeddedAuthority[] = [];
let keys = 0;

async function start(options: EmbeddedAuthorityOptions): Promise<{
  authority: EmbeddedAuthority;
  send: (kind: string, more?: object) => Promise<Answer>;
  caller: WireCaller;
}> {
  const authority = createEmbeddedAuthority({ clock: new FakeClock(), ...options });
  opened.push(authority);
  for (const scope of [{ tenant: "acme" }, { tenant: "acme", agent: "bot" }]) {
    await authority.budgets.create({ scope, allocated: tokens(1_000) }).catch(() => {});
  }
  const caller = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);
  const send = (kind: string, more: object = {}): Promise<Answer> => {
    const action = { kind, name: "n" };
    const estimate = { unit: "TOKENS", amount: 1 };
    return caller.post("/v1/reservations", { idempotency_key: `k${(keys += 1)}`, subject, action, estimate, ...more });
  };
  return { authority, send, caller };
}

const outcome = ({ status, body }: Answer): unknown => (status === 200 ? body["decision"] : body["error"]);

afterEach(async () => {
  for (const authority of opened.splice(0)) await authority.close().catch(() => {});
});

describe("action quotas", () => {
  it("a run's counter is given back by a release and by an expiry, never by a commit", async () => {
    const clock = new FakeClock();
    const { send, caller } = await start({ clock, actionPolicies: [policy({ actionQuotas: [perRun] })] });
    const first = await send(email);
    const second = await send(email, { ttl_ms: 1_000, grace_period_ms: 0 });
    expect(outcome(await send(email))).toBe("ACTION_QUOTA_EXCEEDED");
    const release = { idempotency_key: "r" };
    await caller.post(`/v1/reservations/${String(first.body["reservation_id"])}/release`, release);
    await caller.post(`/v1/reservations/${String(first.body["reservation_id"])}/release`, release);
    const third = await send(email);
    expect(outcome(third)).toBe("ALLOW");
    expect(outcome(await send(email))).toBe("ACTION_QUOTA_EXCEEDED");
    clock.advance(1_001);
    const actual = { unit: "TOKENS", amount: 1 };
    await caller.post(`/v1/reservations/${String(third.body["reservation_id"])}/commit`, {
      idempotency_key: "c",
      actual,
    });
    expect(second.status).toBe(200);
    expect(outcome(await send(email))).toBe("ALLOW");
    expect(outcome(await send(email))).toBe("ACTION_QUOTA_EXCEEDED");
  });

  it("a threshold is emitted once a window, whatever is given back, under the counter's correlation id", async () => {
    const events: EmittedEvent[] = [];
    const { send, caller } = await start({
      actionPolicies: [policy({ actionQuotas: [perRun] })],
      onEvent: (event) => events.push(event),
    });
    await send(email);
    for (const key of ["one", "two"]) {
      const { body } = await send(email);
      await caller.post(`/v1/reservations/${String(body["reservation_id"])}/release`, { idempotency_key: key });
    }
    const told = events.filter(({ event_type: type }) => type === "quota.threshold_approaching");
    expect(told).toHaveLength(1);
    expect(told[0]?.correlation_id).toMatch(/^quota:[0-9a-f]{32}$/);
  });

  it("a replayed reserve counts once, a refused one not at all, and what the budgets refuse not either", async () => {
    const { send } = await start({ actionPolicies: [policy({ actionQuotas: [perRun] })] });
    const again = { idempotency_key: "again" };
    for (let call = 0; call < 5; call += 1) expect(outcome(await send(email, again))).toBe("ALLOW");
    expect(outcome(await send(email, { estimate: { unit: "TOKENS", amount: 5_000 } }))).toBe("BUDGET_EXCEEDED");
    expect(outcome(await send(email, { dry_run: true }))).toBe("ALLOW");
    expect(outcome(await send(email))).toBe("ALLOW");
    expect(outcome(await send(email))).toBe("ACTION_QUOTA_EXCEEDED");
  });

  it("counters outlive the process, and lapse", async () => {
    const disk = new Map<string, string>();
    const clock = new FakeClock();
    const actionPolicies = [policy({ actionQuotas: [{ ...perRun, runCounterTtlMs: 60_000 }] })];
    const before = await start({ clock, store: new MapStore(disk), actionPolicies });
    await before.send(email);
    await before.send(email);
    await before.authority.close();
    const after = await start({ clock, store: new MapStore(disk), actionPolicies });
    expect(outcome(await after.send(email))).toBe("ACTION_QUOTA_EXCEEDED");
    clock.stall(60_001);
    expect(outcome(await after.send(email))).toBe("ALLOW");
    expect([...disk.keys()].filter((key) => key.startsWith("quota/"))).toHaveLength(1);
  });

  it("a calendar window ends with its bucket; a tenant's day counts all of its scopes together", async () => {
    const clock = new FakeClock();
    clock.jump(Date.parse("2026-04-09T23:59:59Z") - clock.now());
    const quota = { actionKind: email, maxCalls: 1, window: "per_tenant_per_day" } as const;
    const { send } = await start({ clock, actionPolicies: [policy({ actionQuotas: [quota] })] });
    expect(outcome(await send(email))).toBe("ALLOW");
    const other = await send(email, { subject: { tenant: "acme", workspace: "eng" } });
    expect(other.body["details"]).toMatchObject({
      deny_detail: { quota_violation: { scope: "tenant:acme", window_key: "2026-04-09" } },
    });
    clock.stall(1_000);
    expect(outcome(await send(email))).toBe("ALLOW");
  });

  it("an allowlist counts only what it names; a key that is absent or not declared for the kind is not counted", async () => {
    const actionQuotas = [
      { ...perRun, maxCalls: 0, recipientDomains: ["customer.com"] },
      { ...perRun, maxCalls: 0, resourceTypes: ["table"] },
    ];
    const { send } = await start({ actionPolicies: [policy({ actionQuotas })] });
    const to = (policy_keys: object): object => ({ action: { kind: email, name: "n", policy_keys } });
    expect(outcome(await send(email))).toBe("ALLOW");
    expect(outcome(await send(email, to({ recipient_domain: "partner.com" })))).toBe("ALLOW");
    expect(outcome(await send(email, to({ resource_type: "table" })))).toBe("ALLOW");
    expect(outcome(await send(email, to({ recipient_domain: "customer.com" })))).toBe("ACTION_QUOTA_EXCEEDED");
  });

  it("a run's quota needs the run's id, in a decision and a dry run too", async () => {
    const { send, caller } = await start({ actionPolicies: [policy({ actionQuotas: [perRun] })] });
    const without = { subject: { tenant: "acme", agent: "bot" } };
    for (const more of [without, { ...without, dry_run: true }]) expect((await send(email, more)).status).toBe(400);
    const asked = {
      idempotency_key: "d",
      ...without,
      action: { kind: email, name: "n" },
      estimate: { unit: "TOKENS", amount: 1 },
    };
    const answer = await caller.post("/v1/decide", asked);
    expect([answer.status, answer.body["message"]]).toEqual([400, expect.stringContaining("run_id")]);
    expect(outcome(await send("llm.completion", without))).toBe("ALLOW");
  });

  it("of the quotas of one step the one with the least room is reported", async () => {
    const actionQuotas = [
      { ...perRun, maxCalls: 1 },
      { ...perRun, maxCalls: 0, window: "per_day_tumbling" },
    ] as const;
    const { send } = await start({ actionPolicies: [policy({ actionQuotas })] });
    const answer = await send(email);
    expect(answer.body["details"]).toMatchObject({
      deny_detail: { quota_violation: { window: "per_day_tumbling", limit: 0 } },
    });
  });
});

describe("action policies", () => {
  it("only the matching one of the highest priority counts", async () => {
    const { send } = await start({
      actionPolicies: [
        policy({ id: "low", deniedActionKinds: [email] }),
        policy({ id: "high", priority: 5, scopePattern: "agent:*", allowedActionKinds: [email] }),
        policy({ id: "elsewhere", priority: 9, scopePattern: "tenant:other/*", deniedActionKinds: [email] }),
      ],
    });
    expect(outcome(await send(email))).toBe("ALLOW");
    const denied = await send("file.read");
    expect(denied.body["details"]).toMatchObject({ deny_detail: { blocked_by_policy: "high" } });
    expect(outcome(await send(email, { subject: { tenant: "acme", workspace: "eng" } }))).toBe("ACTION_KIND_DENIED");
  });

  it("an undeclared custom kind is refused, a declared one has its risk, an unknown one is a side effect", async () => {
    const riskClassQuotas = [
      { riskClass: "high_risk", maxCalls: 0, window: "per_day_tumbling" },
      { riskClass: "side_effect", maxCalls: 1, window: "per_day_tumbling" },
    ] as const;
    const customKinds = [{ kind: "custom.acme.launch", riskClass: "high_risk" }] as const;
    const { send } = await start({ customKinds, actionPolicies: [policy({ riskClassQuotas })] });
    expect((await send("custom.acme.unheard")).status).toBe(400);
    expect(outcome(await send("custom.acme.launch"))).toBe("ACTION_QUOTA_EXCEEDED");
    expect(outcome(await send("proprietary.action"))).toBe("ALLOW");
    expect(outcome(await send("llm.completion"))).toBe("ACTION_QUOTA_EXCEEDED");
  });

  it("a denial in the process is the kernel's denial", async () => {
    const { authority } = await start({ actionPolicies: [policy({ deniedActionKinds: [email] })] });
    const request = { estimate: tokens(1), action: { kind: email }, subject: { agent: "bot" } };
    const denied = withReservation(authority.authority({ tenant: "acme" }), request, () => "never", {
      settle: "estimate",
    });
    await expect(denied).rejects.toBeInstanceOf(DeniedError);
    await expect(denied).rejects.toMatchObject({ reasonCode: "ACTION_KIND_DENIED" });
  });

  it.each<[string, EmbeddedAuthorityOptions]>([
    ["two of one id", { actionPolicies: [policy({}), policy({})] }],
    ["a pattern that is none", { actionPolicies: [policy({ scopePattern: "acme" })] }],
    ["a priority below zero", { actionPolicies: [policy({ priority: -1 })] }],
    ["a limit below zero", { actionPolicies: [policy({ actionQuotas: [{ ...perRun, maxCalls: -1 }] })] }],
    ["a threshold of one", { actionPolicies: [policy({ actionQuotas: [{ ...perRun, threshold: 1 }] })] }],
    ["a kind that is not custom", { customKinds: [{ kind: "llm.mine", riskClass: "read_only" }] }],
  ])("%s is refused when the authority is made", (_name, options) => {
    expect(() => createEmbeddedAuthority(options)).toThrow(ConfigurationError);
  });
});

describe("observation", () => {
  it("emits once, also when the request is repeated; ENFORCE in a request overrides the tenant", async () => {
    const events: EmittedEvent[] = [];
    const { send, authority } = await start({
      store: new MapStore(),
      observedTenants: ["acme"],
      onEvent: (event) => events.push(event),
    });
    events.length = 0;
    const observed = { idempotency_key: "same", dry_run: true };
    const first = await send(email, observed);
    expect((await send(email, observed)).body).toEqual(first.body);
    expect((await send(email, { estimate: { unit: "TOKENS", amount: 5_000 } })).body).toMatchObject({
      decision: "DENY",
      deny_detail: { reason_code: "BUDGET_EXCEEDED", budget_remaining: 1_000, blocked_by_scope: "tenant:acme" },
    });
    await authority.budgets.get({ scope: { tenant: "acme" }, unit: "TOKENS" });
    expect(events.map(({ event_type: type }) => type)).toEqual([
      "reservation.observed_allowed",
      "reservation.observed_denied",
    ]);
    expect("reservation_id" in (await send(email, { observe_mode: "ENFORCE" })).body).toBe(true);
    await authority.budgets.get({ scope: { tenant: "acme" }, unit: "TOKENS" });
    expect(events).toHaveLength(2);
  });

  it("an observed denial has the correlation id of the like denial that is enforced, and of no other", async () => {
    const events: EmittedEvent[] = [];
    const { send } = await start({
      observedTenants: ["acme"],
      actionPolicies: [policy({ deniedActionKinds: [email] })],
      onEvent: (event) => events.push(event),
    });
    const enforced = { observe_mode: "ENFORCE" };
    await send(email);
    await send(email, enforced);
    await send("file.read", { ...enforced, estimate: { unit: "TOKENS", amount: 5_000 } });
    await send("file.read");
    await send("file.read");
    const of = (type: string): (string | undefined)[] =>
      events.filter(({ event_type }) => event_type === type).map(({ correlation_id }) => correlation_id);
    const [observed] = of("reservation.observed_denied");
    const [alike, other] = of("reservation.denied");
    expect(observed).toMatch(/^denial:[0-9a-f]{32}$/);
    expect(alike).toBe(observed);
    expect(other).not.toBe(observed);
    const [allowed, again] = of("reservation.observed_allowed");
    expect(allowed).toMatch(/^run:[0-9a-f]{32}$/);
    expect(again).toBe(allowed);
  });

  it("a listener that throws breaks nothing", async () => {
    const { send } = await start({
      observedTenants: ["acme"],
      onEvent: () => {
        throw new Error("mine");
      },
    });
    expect(outcome(await send(email))).toBe("ALLOW");
    expect(outcome(await send(email))).toBe("ALLOW");
  });
});
