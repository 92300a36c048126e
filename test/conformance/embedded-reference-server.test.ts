import { parseJson } from "@imprest/core/internal";
import type { Balance } from "@imprest/core/models/cycles";
import { type EmbeddedAuthority, createEmbeddedAuthority } from "@imprest/embedded";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, WireCaller } from "../../packages/embedded/test/support.ts";
import { isMissing, textOf } from "./shared.ts";

// Raw requests that were sent to the reference server, sent to the embedded authority: the answers must say the same of
// the money and of the scopes, and the books must hold the same.

interface Exchange {
  readonly name: string;
  readonly request: {
    readonly method: "GET" | "POST";
    readonly path: string;
    readonly body?: Readonly<Record<string, unknown>>;
    /** The reservation of the answer is `{save}` in later paths. */
    readonly save?: string;
  };
  /** Absent where the exchange is there for its effect alone. */
  readonly answer?: { readonly status: number; readonly text: string };
}

interface Budget {
  readonly scope: string;
  readonly unit: string;
  readonly allocated: number;
  readonly overdraft_limit?: number;
}

const { budgets, exchanges } = isMissing
  ? { budgets: [], exchanges: [] }
  : (JSON.parse(textOf("cycles/reference-server/differential.json")) as {
      readonly budgets: readonly Budget[];
      readonly exchanges: readonly Exchange[];
    });

const levelsOf = (path: string): Record<string, string> =>
  Object.fromEntries(path.split("/").map((segment) => segment.split(":", 2)));

/** An authority with the budgets of the exchanges, and a caller that keeps the reservations' ids. */
async function open() {
  const authority: EmbeddedAuthority = createEmbeddedAuthority();
  for (const { scope, unit, allocated, overdraft_limit = 0 } of budgets) {
    const amount = (value: number) => ({ unit, amount: BigInt(value) });
    const limit = amount(overdraft_limit);
    await authority.budgets.create({ scope: levelsOf(scope), allocated: amount(allocated), overdraftLimit: limit });
  }
  const caller = new WireCaller(authority, (await authority.apiKeys.create({ tenant: "acme" })).key);
  const ids = new Map<string, string>();
  const send = async ({ request: { method, path, body, save } }: Exchange): Promise<Answer> => {
    const target = path.replace(/\{(.+)\}/, (_, name: string) => ids.get(name) ?? "unknown");
    const answer = method === "GET" ? await caller.get(target) : await caller.post(target, body);
    if (save !== undefined) ids.set(save, String(answer.body["reservation_id"]));
    return answer;
  };
  return { authority, caller, send };
}

/** What both say of one request; `released` goes without saying at the reference server when it is nothing. */
function told(status: number, body: Answer["body"]): object {
  const { decision, error, reserved, charged, released, affected_scopes, scope_path } = body;
  const given = (released as { readonly amount?: number } | undefined)?.amount ?? 0;
  return { status, decision, error, reserved, charged, given, affected_scopes, scope_path };
}

function named(name: string): Exchange {
  const found = exchanges.find((exchange) => exchange.name === name);
  if (found === undefined) throw new Error("The exchanges are others now.");
  return found;
}

describe.skipIf(isMissing)("the embedded authority beside the reference server", () => {
  let world: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    world = await open();
  });

  // A reserve, a commit and a release of each overage policy, below the reserve, at it, beyond it and beyond the budget.
  const ofPolicies = exchanges.slice(0, exchanges.findLastIndex(({ name }) => name === "release what is left") + 1);

  it.each(ofPolicies.map((exchange) => [exchange.name, exchange] as const))("%s", async (_name, exchange) => {
    const { status, body } = await world.send(exchange);
    const wanted = exchange.answer;
    if (wanted === undefined) return;
    const answer = parseJson(wanted.text) as Answer["body"];
    expect(told(status, body)).toEqual(told(wanted.status, answer));
    for (const { scope_path, remaining, reserved, spent } of (answer["balances"] ?? []) as Balance[]) {
      const books = await world.authority.budgets.get({ scope: levelsOf(scope_path), unit: remaining.unit });
      const amounts = [books.remaining, books.reserved, books.spent].map(Number);
      expect([scope_path, ...amounts]).toEqual([scope_path, remaining.amount, reserved?.amount, spent?.amount]);
    }
  });

  it("REJECT refuses what the budget would cover: nothing is charged, and the reservation can still be released", async () => {
    expect(ofPolicies.map(({ name }) => name)).toContain("commit REJECT: over, covered");
    const { send } = await open();
    const at = exchanges.findIndex(({ name }) => name === "commit REJECT: over, covered");
    const [reserve, commit, release] = exchanges.slice(at - 1, at + 2) as [Exchange, Exchange, Exchange];
    await send(reserve);
    expect(await send(commit)).toMatchObject({ status: 409, body: { error: "BUDGET_EXCEEDED" } });
    expect(await send(release)).toMatchObject({ status: 200, body: { released: { amount: 100 } } });
  });

  it("an agent in another case draws on the same scopes, and its subject stands as it was given", async () => {
    const { caller, send } = await open();
    const exchange = named("agent in other case");
    const { status, body } = await send(exchange);
    expect(told(status, body)).toEqual(told(200, parseJson(exchange.answer?.text ?? "") as Answer["body"]));
    const { reservations } = (await caller.get("/v1/reservations")).body;
    const listed = parseJson(named("list blank from").answer?.text ?? "") as Readonly<Record<string, object[]>>;
    const row = listed["reservations"]?.find((one) => "idempotency_key" in one && one.idempotency_key === "k66");
    const { subject, scope_path, affected_scopes } = row as Readonly<Record<string, Record<string, unknown>>>;
    const { tenant, agent } = subject ?? {};
    expect(reservations).toMatchObject([{ subject: { tenant, agent }, scope_path, affected_scopes }]);
  });

  it.each(["ttl null, metadata null (explicit nulls)", "subject members null", "tags null", "estimate null"])(
    "%s",
    async (name) => {
      const { send } = await open();
      const exchange = named(name);
      expect((await send(exchange)).status).toBe(exchange.answer?.status ?? 200);
    },
  );
});
