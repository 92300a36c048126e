import {
  type Clock,
  type DeadLetter,
  DeniedError,
  ImprestError,
  type Metrics,
  ProtocolError,
  type ReserveRequest,
  type SpendAuthority,
  createFetchTransport,
  settlementQueue,
  tokens,
  withReservation,
} from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { type EmbeddedAuthority, type Policy, createEmbeddedAuthority } from "@imprest/embedded";
import { describe, expect, it } from "vitest";

// Issue 2 §4: the same code moves from the embedded authority to a server. The port onto the ledger and the Cycles
// client over the handler are driven through the same story, and must report the same of it.

const tenant = "acme";
const subject = { tenant, agent: "bot" };
const request: ReserveRequest = { estimate: tokens(100), action: { kind: "llm.completion", name: "gpt-5" } };
const overage = (policy: string, estimate = 100): ReserveRequest => ({
  ...request,
  estimate: tokens(estimate),
  extensions: { cycles: { overage_policy: policy } },
});

class StoryClock implements Clock {
  #now = 1_700_000_000_000;
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#now;
  }
  // Deadlines and heartbeats have no part in these stories.
  setTimer(): { clear(): void } {
    return { clear: () => {} };
  }
  advance(byMs: number): void {
    this.#now += byMs;
  }
}

interface Stage {
  readonly operator: EmbeddedAuthority;
  readonly authority: SpendAuthority;
  readonly clock: StoryClock;
}

type Story = (stage: Stage) => Promise<unknown>;

const policy: Policy = [
  { name: "forbidden", deny: { reasonCode: "NOT_TODAY", retryAfterMs: 5_000 } },
  { name: "capped", caps: { max_tokens: 256, tool_allowlist: ["search"] } },
];

async function stage(way: "in process" | "over the wire"): Promise<Stage> {
  const clock = new StoryClock();
  const operator = createEmbeddedAuthority({ clock, policy, maxExtensions: 1 });
  await operator.budgets.create({ scope: subject, allocated: tokens(1_000), overdraftLimit: tokens(50) });
  const apiKey = (await operator.apiKeys.create({ tenant })).key;
  // The key may act in all scopes of its tenant; in process that has to be said.
  const within = [`tenant:${tenant}`];
  if (way === "in process") return { operator, clock, authority: operator.authority({ tenant, subject, within }) };
  const transport = createFetchTransport((input, init) => operator.handler(new Request(input, init)));
  const client = { baseUrl: "https://authority.test", apiKey, subject, transport, clock };
  return { operator, clock, authority: new CyclesAuthority(client) };
}

/** What a caller can see of an error, whichever class it came in. */
function seen(error: unknown): object {
  if (DeniedError.isInstance(error)) {
    const { decision, reasonCode, retryAfterMs, caps } = error;
    return { denied: { decision, reasonCode, retryAfterMs, caps } };
  }
  if (ProtocolError.isInstance(error)) {
    const { errorCode, status, wireDetails } = error;
    return { refused: { errorCode, status, wireDetails } };
  }
  return { failed: ImprestError.isInstance(error) ? error.code : String(error) };
}

/** Removes what differs by nature: ids, trace ids, and the wire's own answer. */
function neutral(value: unknown): unknown {
  const text = JSON.stringify(value, (key, member: unknown) => {
    if (["id", "reservationId", "idempotencyKey", "requestId", "traceId", "wire", "error"].includes(key))
      return undefined;
    return typeof member === "bigint" ? `${member}n` : member;
  });
  return JSON.parse(text ?? "null");
}

const spend = (amount: number, of: ReserveRequest = request): Story => {
  return async ({ authority }) => {
    const { settlement } = await withReservation(authority, of, async (reservation) => {
      reservation.spend(tokens(amount), { inputTokens: 5 });
    });
    return settlement;
  };
};
const key = { idempotencyKey: "k" };

/** Every member of the metrics at and beyond its limit; what is wrong must be found before anything is charged. */
const metrics: Readonly<Record<string, Metrics>> = {
  "a latency that is no whole number": { latencyMs: 123.4 },
  "a negative latency": { latencyMs: -1 },
  "a negative count of tokens": { inputTokens: -1 },
  "half a token": { outputTokens: 0.5 },
  "a count that is no number": { inputTokens: Number.NaN },
  "a model's name that is too long": { modelVersion: "m".repeat(129) },
  "a model's name of the longest": { modelVersion: "m".repeat(128) },
  "custom metrics that JSON carries": { custom: { when: 1, nested: { list: [true, null, "x"] } } },
  "custom metrics that JSON cannot carry": { custom: { run: () => 1 } },
  "no custom metrics at all": { custom: [] as unknown as Record<string, unknown> },
  "metrics in order": { inputTokens: 0, outputTokens: 2 ** 31, latencyMs: 0, modelVersion: "m" },
};
const measured = (of: Metrics): Story => {
  return async ({ authority }) => {
    const { settlement } = await withReservation(authority, request, (reservation) =>
      reservation.spend(tokens(60), of),
    );
    const letters: DeadLetter[] = [];
    for await (const letter of settlementQueue(authority).deadLetters.list()) letters.push(letter);
    const { message } = settlement.error ?? {};
    return [settlement, message?.replace(/reservation \S+/, ""), letters.map(({ kind, spent }) => ({ kind, spent }))];
  };
};

const stories: Readonly<Record<string, Story>> = {
  "a grant": ({ authority }) => authority.reserve({ ...request, metadata: { a: 1 } }, key),
  "a grant, replayed": async ({ authority, clock }) => {
    const first = await authority.reserve(request, key);
    clock.advance(1_000);
    const again = await authority.reserve(request, key);
    return [first.id === again.id, first, again];
  },
  "a grant under caps": ({ authority }) =>
    authority.reserve({ ...request, action: { kind: "k", name: "capped" } }, key),
  "a policy's denial": ({ authority }) =>
    authority.reserve({ ...request, action: { kind: "k", name: "forbidden" } }, key),
  "a decision": async ({ authority }) => [
    await authority.decide?.(request),
    await authority.decide?.({ ...request, estimate: tokens(1_001) }),
    await authority.decide?.({ ...request, action: { kind: "k", name: "forbidden" } }),
  ],
  "a spend below the estimate": spend(60),
  "a spend of nothing": spend(0),
  "a spend beyond it that is covered": spend(160),
  "a spend beyond it that is capped": spend(1_600),
  "a spend beyond it, refused": spend(1_600, overage("REJECT")),
  "a spend beyond it, into debt": spend(1_030, overage("ALLOW_WITH_OVERDRAFT", 985)),
  "a spend beyond the overdraft": spend(1_600, overage("ALLOW_WITH_OVERDRAFT")),
  "a release": ({ authority }) =>
    withReservation(authority, request, async (reservation) => {
      await reservation.release("not needed");
    }).catch(seen),
  "a body that throws": ({ authority }) =>
    withReservation(authority, request, () => Promise.reject(new Error("boom"))).catch(String),
  "a release after the expiry": ({ authority, clock }) =>
    withReservation(authority, request, async (reservation) => {
      clock.advance(70_000);
      await reservation.release("too late");
    }).catch(seen),
  "a spend after the expiry": async ({ authority, clock }) => {
    const { settlement } = await withReservation(authority, request, async (reservation) => {
      clock.advance(70_000);
      reservation.spend(tokens(60));
    });
    return settlement;
  },
  "a spend after the reservation was settled elsewhere": async ({ authority }) => {
    const grant = await authority.reserve(request, key);
    const prepare = (amount: number, idempotencyKey: string): ReturnType<SpendAuthority["prepare"]> =>
      authority.prepare(
        grant,
        { kind: "commit", spend: { amount: tokens(amount), basis: "estimate", metadata: { note: 1 } } },
        { idempotencyKey, recordedAtMs: 0 },
      );
    const attempts = [
      await authority.settle(prepare(1, "a")),
      await authority.settle(prepare(1, "a")),
      await authority.settle(prepare(2, "a")),
      await authority.settle(prepare(1, "b")),
    ];
    return attempts.map((attempt) => ("rejected" in attempt ? seen(attempt.rejected) : attempt));
  },
  "an extension, and one too many": async ({ authority, clock }) => {
    const grant = await authority.reserve(request, key);
    clock.advance(1_000);
    const lease = await authority.extend?.(grant, { ms: 5_000, idempotencyKey: "e1" });
    return [lease, await authority.extend?.(grant, { ms: 1, idempotencyKey: "e2" }).catch(seen)];
  },
  "a budget that is too small": ({ authority }) => authority.reserve({ ...request, estimate: tokens(1_001) }, key),
  "a frozen budget": async ({ operator, authority }) => {
    await operator.budgets.freeze({ scope: subject, unit: "TOKENS" });
    return authority.reserve(request, key);
  },
  "a closed budget": async ({ operator, authority }) => {
    await operator.budgets.close({ scope: subject, unit: "TOKENS" });
    return authority.reserve(request, key);
  },
  "a closed tenant": async ({ operator, authority }) => {
    await operator.tenants.close(tenant, { keepApiKeys: true });
    return authority.reserve(request, key);
  },
  "outstanding debt": async (on) => {
    await spend(1_030, overage("ALLOW_WITH_OVERDRAFT", 985))(on);
    return on.authority.reserve(request, key);
  },
  "an over-limit scope": async (on) => {
    await spend(5_000)(on);
    return on.authority.reserve(request, key);
  },
  "another unit": ({ authority }) => authority.reserve({ ...request, estimate: { unit: "CREDITS", amount: 1n } }, key),
  "a scope without a budget": ({ authority }) => authority.reserve({ ...request, subject: { agent: "other" } }, key),
  "another tenant's subject": ({ authority }) => authority.reserve({ ...request, subject: { tenant: "other" } }, key),
  "a key used for something else": async ({ authority }) => {
    await authority.reserve(request, key);
    return authority.reserve({ ...request, estimate: tokens(1) }, key);
  },
  "a negative estimate": ({ authority }) => authority.reserve({ ...request, estimate: tokens(-1) }, key),
  "a ttl that is too short": ({ authority }) => authority.reserve({ ...request, ttlMs: 1 }, key),
  ...Object.fromEntries(Object.entries(metrics).map(([title, of]) => [title, measured(of)])),
  "an unknown term": ({ authority }) => authority.reserve({ ...request, extensions: { cycles: { nonsense: 1 } } }, key),
};

describe("the in-process authority and the Cycles client over the handler agree", () => {
  it.each(Object.entries(stories))("on %s", async (_title, story) => {
    const told = await Promise.all(
      (["in process", "over the wire"] as const).map(async (way) => {
        const on = await stage(way);
        const outcome = await story(on).catch(seen);
        // A release runs in the background.
        await new Promise((resolve) => setTimeout(resolve, 20));
        const balance = await on.operator.budgets.get({ scope: subject, unit: "TOKENS" });
        return neutral({ outcome, balance });
      }),
    );
    expect(told[0]).toEqual(told[1]);
  });
});

it("a late spend whose answer was lost is charged once for as long as the client repeats it", async () => {
  const { operator, authority, clock } = await stage("over the wire");
  const horizonMs = authority.dedupeHorizonMs?.["event"] ?? 0;
  expect(horizonMs).toBe(operator.authority({ tenant }).dedupeHorizonMs.event);
  const grant = await authority.reserve(request, key);
  clock.advance(70_000);
  const stamp = { idempotencyKey: "late", recordedAtMs: clock.now() };
  const spent = { amount: tokens(60), basis: "actual" } as const;
  const attempt = await authority.settle(authority.prepare(grant, { kind: "commit", spend: spent }, stamp));
  if (!("next" in attempt)) throw new Error("the reservation has expired, so an event is next");
  for (const afterMs of [0, 25 * 3_600_000, horizonMs - 25 * 3_600_000]) {
    clock.advance(afterMs);
    expect(await authority.settle(attempt.next)).toMatchObject({ settled: { status: "recorded" } });
  }
  expect((await operator.budgets.get({ scope: subject, unit: "TOKENS" })).spent).toBe(60n);
});
