import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseJson } from "@imprest/core/internal";
import { type OverdraftRule, createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeClock } from "../../packages/embedded/test/support.ts";
import { serving } from "../../packages/imprest/test/serving.ts";
import { isMissing, textOf } from "./shared.ts";

// Raw requests that were sent to the reference server, sent to the embedded authority over HTTP: status, error code,
// decision, amounts, balances and the members of the answers are the same, but for the rows of docs/cycles.md.

interface Exchange {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body?: Readonly<Record<string, unknown>>;
    /** Sent as it is, instead of `body`. */
    readonly raw?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly no_key?: boolean;
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

type Json = Readonly<Record<string, unknown>>;

/** How an answer differs, and by which clause: rows of the table "Beside the reference server" in docs/cycles.md. */
interface Row {
  /** Names of exchanges. */
  readonly of: readonly string[];
  readonly clause: string;
  /** The amount that the reference server read, so that the books are the same afterwards. */
  readonly readAs?: object;
  /** The same, as a whole body. */
  readonly sentAs?: Readonly<Record<string, unknown>>;
  /** What ours answers instead; the rest is as there. */
  readonly ours: { readonly status?: number; readonly error?: string; readonly reason_code?: string };
}

function microcents(amount: number): { readonly unit: string; readonly amount: number } {
  return { unit: "USD_MICROCENTS", amount };
}

const rows: readonly Row[] = [
  {
    of: ["estimate fraction", "estimate text"],
    clause: "Cycles §Amount: amount is an integer",
    ours: { status: 400, error: "INVALID_REQUEST" },
    readAs: microcents(1),
  },
  {
    of: ["reserve while in debt"],
    clause: "Cycles §Balance, DEBT SEMANTICS: MUST be rejected with DEBT_OUTSTANDING",
    ours: { error: "DEBT_OUTSTANDING" },
  },
  {
    of: ["decide while in debt", "dry run while in debt"],
    clause: "Cycles §DecisionReasonCode: the code of the 409 that a reserve would get",
    ours: { reason_code: "DEBT_OUTSTANDING" },
  },
  {
    of: ["text/plain", "list bad cursor"],
    clause: "Cycles §ERROR SEMANTICS: 500 is the server's own fault",
    ours: { status: 400, error: "INVALID_REQUEST" },
  },
  {
    of: ["duplicate member"],
    clause: "RFC 8259 §4: names SHOULD be unique; readers differ in which they take",
    ours: { status: 400, error: "INVALID_REQUEST" },
    sentAs: {
      idempotency_key: "kd2",
      subject: { tenant: "acme" },
      action: { kind: "a", name: "b" },
      estimate: microcents(1),
    },
  },
  {
    of: ["unknown path"],
    clause: "Cycles §ERROR SEMANTICS: 500 is the server's own fault",
    ours: { status: 404, error: "NOT_FOUND" },
  },
  {
    of: ["DELETE a reservation"],
    clause: "Cycles §ERROR SEMANTICS: 500 is the server's own fault",
    ours: { status: 405, error: "INVALID_REQUEST" },
  },
];

/** Lists of which ours are a part: `include_children` is false where it is not given (Cycles §getBalances). */
const withoutChildren = ["balances tenant", "final balance"];

const rowOf = (name: string): Row | undefined => rows.find(({ of }) => of.includes(name));

const levelsOf = (path: string): Record<string, string> =>
  Object.fromEntries(path.split("/").map((segment) => segment.split(":", 2)));

/** Members that the specification makes optional, and that one of the two adds: they are not compared. */
const added: ReadonlySet<string> = new Set(["deny_detail", "details", "message", "cycles_evidence", "evidence"]);
/** Members whose value is another one at each server or at each moment. */
const own: ReadonlySet<string> = new Set([
  "reservation_id",
  "event_id",
  "request_id",
  "trace_id",
  "next_cursor",
  "remaining_ttl_ms",
]);

/** An answer without what is each server's own. A member that is `null` counts as absent. */
function comparable(value: unknown, name = ""): unknown {
  if (own.has(name) || name.endsWith("_at_ms")) return "there";
  if (Array.isArray(value)) {
    const entries = value.map((entry) => comparable(entry));
    // The reference server lists balances in no order.
    return name === "balances" ? entries.toSorted((one, other) => placeOf(one).localeCompare(placeOf(other))) : entries;
  }
  if (typeof value === "bigint" || typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([key, member]) => member !== null && !added.has(key));
  return Object.fromEntries(members.map(([key, member]) => [key, comparable(member, key)]));
}

function placeOf(balance: unknown): string {
  const { scope_path: path, remaining } = balance as {
    readonly scope_path: string;
    readonly remaining: { unit: string };
  };
  return `${path} ${remaining.unit}`;
}

/** An authority with the budgets of the exchanges that is reached over HTTP. */
interface Served {
  readonly url: string;
  readonly key: string;
  wait(ms: number): unknown;
}

/** Takes what is to be done at the end, however the tests end. */
type Ends = (end: () => unknown) => void;

async function serveHere(overdraft: OverdraftRule, ends: Ends): Promise<Served> {
  const clock = new FakeClock();
  const authority = createEmbeddedAuthority({ clock, overdraft });
  for (const { scope, unit, allocated, overdraft_limit = 0 } of budgets) {
    const amount = (value: number) => ({ unit, amount: BigInt(value) });
    const limit = amount(overdraft_limit);
    await authority.budgets.create({ scope: levelsOf(scope), allocated: amount(allocated), overdraftLimit: limit });
  }
  const { key } = await authority.apiKeys.create({ tenant: "acme" });
  const server = await serve(authority, { port: 0 });
  ends(async () => {
    await server.close();
    await authority.close();
  });
  return { url: server.url, key, wait: (ms) => clock.advance(ms) };
}

/** `imprest serve` in a process of its own, with its own clock. */
async function serveAlone(overdraft: OverdraftRule, ends: Ends): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "imprest-reference-"));
  ends(() => rm(folder, { recursive: true }));
  const key = `cyc_live_${crypto.randomUUID()}`;
  const lines = budgets.map(({ scope, unit, allocated, overdraft_limit = 0 }) => {
    return { scope, allocated: `${unit}:${allocated}`, overdraftLimit: `${unit}:${overdraft_limit}` };
  });
  const config = join(folder, "config.json");
  await writeFile(config, JSON.stringify({ budgets: lines, keys: [{ tenant: "acme", key }], overdraft }));
  const server = await serving(["--port", "0", "--config", config], /Serving .*\n/, ends);
  const url = /at (http:\S+?),? /.exec(server.out())?.[1] ?? "";
  return { url, key, wait: setTimeout };
}

class World {
  readonly #serve: (ends: Ends) => Promise<Served>;
  readonly #ends: (() => unknown)[] = [];
  readonly #ids = new Map<string, string>();
  #served: Served | undefined;

  constructor(serveIt: (ends: Ends) => Promise<Served>) {
    this.#serve = serveIt;
  }

  async open(): Promise<void> {
    this.#served = await this.#serve((end) => this.#ends.push(end));
  }

  get #now(): Served {
    if (this.#served === undefined) throw new Error("It is not open.");
    return this.#served;
  }

  async send({ name, request }: Exchange): Promise<{ readonly status: number; readonly body: Json }> {
    const waitSeconds = /^\(wait ([\d.]+) s\)/.exec(name)?.[1];
    if (waitSeconds !== undefined) await this.#now.wait(Number(waitSeconds) * 1_000);
    const { method, path, body, raw = body && JSON.stringify(body), save } = request;
    const target = path.replace(/\{(.+)\}/, (_, saved: string) => this.#ids.get(saved) ?? "unknown");
    const headers = {
      ...(request.no_key !== true && { "x-cycles-api-key": this.#now.key }),
      ...(raw !== undefined && { "content-type": "application/json" }),
      ...request.headers,
    };
    const answer = await fetch(`${this.#now.url}${target}`, { method, headers, ...(raw && { body: raw }) });
    const parsed = parseJson(await answer.text()) as Json;
    if (save !== undefined) this.#ids.set(save, String(parsed["reservation_id"] ?? parsed["event_id"]));
    return { status: answer.status, body: parsed };
  }

  async listAll(): Promise<object[]> {
    const headers = { "x-cycles-api-key": this.#now.key };
    const answer = await fetch(`${this.#now.url}/v1/reservations?limit=200`, { headers });
    return ((parseJson(await answer.text()) as Json)["reservations"] ?? []) as object[];
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end();
  }
}

function named(name: string): Exchange {
  const found = exchanges.find((exchange) => exchange.name === name);
  if (found === undefined) throw new Error("The exchanges are others now.");
  return found;
}

// The rule by which the reference server books an overdraft, so that the books are the same all the way.
const ways: readonly (readonly [how: string, serveIt: (ends: Ends) => Promise<Served>])[] = [
  ["in this process", (ends) => serveHere("shortfall", ends)],
  ["as imprest serve", (ends) => serveAlone("shortfall", ends)],
];

describe.skipIf(isMissing).each(ways)("the embedded authority beside the reference server, %s", (_how, serveIt) => {
  const world = new World(serveIt);
  beforeAll(() => world.open());
  afterAll(() => world.close());

  it.each(exchanges.map((exchange, at) => [at + 1, exchange.name, exchange] as const))(
    "%d: %s",
    async (_at, name, exchange) => {
      const { status, body } = await world.send(exchange);
      const wanted = exchange.answer;
      const row = rowOf(name);
      if (row?.ours.error !== undefined) {
        const { error } = body;
        expect({ status, error }).toEqual({ status: wanted?.status, ...row.ours });
        const { request } = exchange;
        const read = row.sentAs ?? (row.readAs && { ...request.body, estimate: row.readAs });
        if (read !== undefined)
          await world.send({ name, request: { method: request.method, path: request.path, body: read } });
        return;
      }
      if (wanted === undefined) return;
      const theirs = parseJson(wanted.text) as Json;
      // A dry run shows the balances; the reference server shows none (Cycles §DRY-RUN: recommended).
      const shown = exchange.request.body?.["dry_run"] === true ? { ...body, balances: null } : body;
      const expected: Json = { ...(comparable(theirs) as Json), ...row?.ours };
      if (Array.isArray(theirs["reservations"])) {
        // Where no order is asked for, the reference server lists 50 reservations in none.
        const all = (await world.listAll()).map((one) => comparable(one));
        expect(all).toEqual(expect.arrayContaining(expected["reservations"] as object[]));
        return;
      }
      if (withoutChildren.includes(name)) {
        const { balances } = comparable(shown) as { readonly balances: object[] };
        expect(expected["balances"]).toEqual(expect.arrayContaining(balances));
        expect(balances.length).toBeGreaterThan(0);
        return;
      }
      expect({ status, body: comparable(shown) }).toEqual({ status: wanted.status, body: expected });
    },
  );

  it("each row of a difference is one that is there", () => {
    const names = new Set(exchanges.map(({ name }) => name));
    expect(rows.flatMap(({ of }) => of).filter((name) => !names.has(name))).toEqual([]);
  });
});

describe.skipIf(isMissing)("an overdraft by the letter of the specification, by default", () => {
  const world = new World((ends) => serveHere("overage", ends));
  beforeAll(() => world.open());
  afterAll(() => world.close());

  it("makes debt of the whole overage where some of it lacks", async () => {
    const commit = named("commit 1300 into debt");
    const reserve = exchanges[exchanges.indexOf(commit) - 1];
    if (reserve !== undefined) await world.send(reserve);
    const { body } = await world.send(commit);
    expect(body["balances"]).toMatchObject([
      { scope: "tenant:acme", spent: { amount: 1_300 } },
      { scope: "agent:od", spent: { amount: 900 }, debt: { amount: 400 } },
    ]);
  });
});
