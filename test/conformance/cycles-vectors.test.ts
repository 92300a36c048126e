import { usdMicrocents } from "@imprest/core";
import { stringifyJson } from "@imprest/core/internal";
import { type EmittedEvent, reservationCreateRequest, reservationCreateResponse } from "@imprest/core/models/cycles";
import {
  type ActionPolicy,
  type ActionQuota,
  type EmbeddedAuthority,
  createEmbeddedAuthority,
} from "@imprest/embedded";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { FakeClock, MapStore, WireCaller } from "../../packages/embedded/test/support.ts";
import { isMissing, textOf } from "./shared.ts";

// The twelve vectors of Cycles v0.1.26, really reached: policies are configured, counters are brought to where the vector
// has them by requests of the same kind, and then the vector's own request is sent. Normalised:
// `affected_scopes` are texts, a path is written with "/", identifiers, instants and wordings are the server's own.

type Json = Readonly<Record<string, unknown>>;

interface QuotaContext {
  readonly action_kind: string;
  readonly risk_class: "external_side_effect";
  readonly max_calls: number;
  readonly window: ActionQuota["window"];
  readonly threshold_pct?: number;
}

interface Vector {
  readonly id: string;
  readonly policy_context?: {
    readonly policy_id: string;
    readonly denied_action_kinds?: readonly string[];
    readonly allowed_action_kinds?: readonly string[];
    readonly action_quotas?: readonly QuotaContext[];
    readonly risk_class_quotas?: readonly QuotaContext[];
  };
  readonly tenant_context?: { readonly observe_mode: string };
  readonly counter_state?: Readonly<Record<string, string | number>>;
  readonly request: { readonly path: string; readonly body: Json & { readonly subject: { readonly agent: string } } };
  readonly response: { readonly status: number; readonly body: Json };
  readonly emitted_event?: { readonly type: string; readonly data: Json };
  readonly side_effects?: { readonly balance_changed: boolean; readonly counters_changed: boolean };
}

const vectors = isMissing ? [] : (parse(textOf("cycles/test-vectors.yaml")) as { test_vectors: Vector[] }).test_vectors;

function policyOf({ policy_context: context }: Vector): readonly ActionPolicy[] {
  if (context === undefined) return [];
  const {
    policy_id: id,
    denied_action_kinds,
    allowed_action_kinds,
    action_quotas = [],
    risk_class_quotas = [],
  } = context;
  const common = ({ max_calls: maxCalls, window, threshold_pct: threshold }: QuotaContext) => ({
    maxCalls,
    window,
    threshold,
  });
  return [
    {
      id,
      scopePattern: "tenant:acme/*",
      deniedActionKinds: denied_action_kinds,
      allowedActionKinds: allowed_action_kinds,
      actionQuotas: action_quotas.map((quota) => ({ actionKind: quota.action_kind, ...common(quota) })),
      riskClassQuotas: risk_class_quotas.map((quota) => ({ riskClass: quota.risk_class, ...common(quota) })),
    },
  ];
}

/** Calls of the vector's own kind, enforced and free of charge. */
async function count(caller: WireCaller, { request }: Vector, calls: number, label: string): Promise<void> {
  for (let call = 0; call < calls; call += 1) {
    const more = {
      idempotency_key: `${label}-${call}`,
      estimate: { unit: "USD_MICROCENTS", amount: 0 },
      dry_run: false,
    };
    const answer = await caller.post(request.path, { ...request.body, ...more, observe_mode: "ENFORCE" });
    expect(answer.body["decision"]).toBe("ALLOW");
  }
}

function normalised(body: Json): Json {
  const { suggested_fix: _wording, blocked_by_scope: _mayBeMore, ...detail } = (body["deny_detail"] ?? {}) as Json;
  return JSON.parse(
    stringifyJson({ decision: body["decision"], reserved: body["reserved"], deny_detail: detail }),
  ) as Json;
}

async function remaining(authority: EmbeddedAuthority, agent: string): Promise<bigint> {
  return (await authority.budgets.get({ scope: { tenant: "acme", agent }, unit: "USD_MICROCENTS" })).remaining;
}

describe.skipIf(isMissing)("the vectors of Cycles v0.1.26 against the embedded authority", () => {
  it("are twelve", () => expect(vectors).toHaveLength(12));

  it.each(vectors.map((vector) => [vector.id, vector] as const))("%s", async (_id, vector) => {
    const { request, response, counter_state: counters = {}, emitted_event: expected } = vector;
    const { agent } = request.body.subject;
    const clock = new FakeClock();
    const { used = 0, used_before: before = used, per_minute_used: inMinute = before } = counters;
    const earlier = Number(counters["per_hour_used"] ?? inMinute) - Number(inMinute);
    clock.jump(Date.parse("2026-04-09T14:32:30Z") - clock.now() - earlier * 60_000);
    const store = new MapStore();
    const events: EmittedEvent[] = [];
    const authority = createEmbeddedAuthority({
      clock,
      store,
      actionPolicies: policyOf(vector),
      observedTenants: vector.tenant_context?.observe_mode === "OBSERVE" ? ["acme"] : [],
      onEvent: (event) => events.push(event),
    });
    const isFirst = vector.id === "allow_happy_path";
    await authority.budgets.create({ scope: { tenant: "acme" }, allocated: usdMicrocents(1_000_000n) });
    await authority.budgets.create({
      scope: { tenant: "acme", agent },
      allocated: usdMicrocents(isFirst ? 50_000n : 45_000n),
    });
    const caller = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);

    for (let minute = 0; minute < earlier; minute += 1) {
      await count(caller, vector, 1, `minute-${minute}`);
      clock.stall(60_000);
    }
    await count(caller, vector, Number(inMinute), "now");
    const disk = new Map(store.disk);
    events.length = 0;

    const answer = await caller.post(request.path, request.body);
    expect(answer.status).toBe(response.status);
    if (response.status === 200) {
      expect(normalised(answer.body)).toMatchObject(normalised(response.body));
      const wanted = (response.body["affected_scopes"] ?? []) as readonly {
        scope: string;
        remaining?: { amount: number };
      }[];
      expect(answer.body["affected_scopes"]).toEqual(expect.arrayContaining(wanted.map(({ scope }) => scope)));
      for (const { scope, remaining: left } of wanted) {
        const name = scope.split("agent:")[1];
        const balance = await authority.budgets.get({ scope: { tenant: "acme", agent: name }, unit: "USD_MICROCENTS" });
        if (left !== undefined) expect(balance.remaining).toBe(BigInt(left.amount));
      }
    } else {
      expect(answer.body["error"]).toBe(response.body["error"]);
      const details = answer.body["details"] as Json;
      const wanted = response.body["details"] as Json;
      expect(normalised(details)).toMatchObject(normalised(wanted));
      const blockedBy = (wanted["deny_detail"] as Json)["blocked_by_scope"];
      if (blockedBy !== undefined) expect((details["deny_detail"] as Json)["blocked_by_scope"]).toBe(blockedBy);
      expect((details["deny_detail"] as Json)["suggested_fix"]).toMatch(/^\S.+/);
    }
    const isLive = response.status === 200 && "reservation_id" in response.body;
    expect("reservation_id" in answer.body).toBe(isLive);
    expect("expires_at_ms" in answer.body).toBe(isLive);

    await authority.budgets.list({ scope: { tenant: "acme" } });
    await new Promise((resolve) => setTimeout(resolve, 5));
    // What v0.1.26 adds, besides the denial that v0.1.25 emits already.
    const told = [...(response.status === 409 ? ["reservation.denied"] : []), ...(expected ? [expected.type] : [])];
    expect(events.map(({ event_type: type }) => type)).toEqual(told);
    if (expected !== undefined) {
      expect(JSON.parse(stringifyJson(events.at(-1)?.data))).toMatchObject(withoutWording(expected.data));
      expect(events.at(-1)?.tenant_id).toBe("acme");
    }
    if (vector.side_effects?.balance_changed === false) expect(await remaining(authority, agent)).toBe(45_000n);
    if (vector.side_effects?.counters_changed === false || response.status === 409) {
      expect(quotasIn(store.disk)).toEqual(quotasIn(disk));
    }
    const { key } = counters;
    if (typeof key === "string" && !key.includes("...")) expect(quotasIn(store.disk).get(key)).toBe(Number(used));

    if (vector.id === "threshold_crossing") {
      await count(caller, vector, 2, "9th and 10th");
      expect(events).toHaveLength(1);
    }
    await authority.close();
  });

  it("their requests and, normalised, their answers are what the client's shapes take", () => {
    for (const { request, response } of vectors) {
      expect(reservationCreateRequest.safeParse(request.body).success).toBe(true);
      if (response.status !== 200) continue;
      const scopes = (response.body["affected_scopes"] ?? []) as readonly { scope: string }[];
      const body = { ...response.body, affected_scopes: scopes.map(({ scope }) => scope) };
      expect(reservationCreateResponse.safeParse(body).success).toBe(true);
    }
  });
});

function withoutWording(data: Json): Json {
  const { deny_detail: detail, ...rest } = data;
  if (detail === undefined) return rest;
  const { suggested_fix: _wording, ...facts } = detail as Json;
  return { ...rest, deny_detail: facts };
}

function quotasIn(disk: ReadonlyMap<string, string>): Map<string, number> {
  return new Map(
    [...disk]
      .filter(([key]) => key.startsWith("quota/"))
      .map(([key, text]) => [JSON.parse(key.slice(6)) as string, (JSON.parse(text) as { used: number }).used]),
  );
}
